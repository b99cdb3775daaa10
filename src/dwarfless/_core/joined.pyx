"""Join the stores of all threads, and find which names have several definitions.

In:  the Stores of one program.
Out: one store of nodes, the lists of all units in file order, and for each name its definition.

The first store takes the others in; their strings, nodes and lists are renumbered.
"""

import numpy as np

from dwarfless._core.intern cimport DUPLICATE_MARK

cdef uint64_t NO_PLACE = ~<uint64_t>0


cdef class Joined:
    """The stores of a program, as one.

    Args:
        stores: One a thread; the first is kept, the others are read.
    """

    def __init__(self, list stores):
        cdef Store first = stores[0]
        cdef Store store
        self.stores = stores
        self.strings_ = &first.strings
        self.nodes = &first.nodes
        for store in stores[1:]:
            self.join(store)
        self.place_units()
        self.list_cuts()
        self.define()

    def __dealloc__(self):
        array_deinit(&self.places)
        array_deinit(&self.cuts)
        array_deinit(&self.ambiguous)
        array_deinit(&self.baseline)
        array_deinit(&self.bound)

    cdef join(self, Store other):
        """Add another store's strings and nodes, and renumber its lists."""
        cdef uint32_t[::1] names = np.zeros(other.strings.offsets.num, np.uint32)
        cdef uint32_t[::1] ids = np.zeros(num_nodes(&other.nodes), np.uint32)
        cdef Array record
        cdef uint32_t i, j, kind, length, role
        cdef uint32_t* words
        cdef size_t k
        cdef bint failed
        array_init(&record, 4, 1024)
        with nogil:
            for i in range(1, num_nodes(&other.nodes)):
                words = node_at(&other.nodes, i)
                length = node_length(&other.nodes, i)
                kind = kind_of(words[1])
                record.num = 0
                for j in range(length):
                    role = role_of(kind, j)
                    if role == ROLE_NAME:
                        push_u32(&record, self.rename(other, &names[0], words[j]))
                    elif role == ROLE_NODE:
                        push_u32(&record, ids[words[j]])
                    else:
                        push_u32(&record, words[j])
                ids[i] = intern_node(self.nodes, u32s(&record), length,
                                     node_of(&other.nodes, i).first)
            for k in range(other.interner.unit_nodes.num):
                i = u32s(&other.interner.unit_nodes)[k]
                u32s(&other.interner.unit_nodes)[k] = \
                    ids[i & ~DUPLICATE_MARK] | (i & DUPLICATE_MARK)
            for k in range(other.interner.duplicates.num):
                u32s(&other.interner.duplicates)[k] = ids[u32s(&other.interner.duplicates)[k]]
            for k in range(other.vars.num):
                self.move_var(other, &names[0], &ids[0], &(<VarState*>other.vars.items)[k])
            for k in range(other.tags.num):
                (<StateTag*>other.tags.items)[k].value = self.rename(
                    other, &names[0], (<StateTag*>other.tags.items)[k].value)
            for k in range(other.funcs.num):
                self.move_func(other, &names[0], &ids[0], &(<FuncState*>other.funcs.items)[k])
        failed = record.failed or nodes_failed(self.nodes) or self.strings_.offsets.failed
        array_deinit(&record)
        if failed:
            raise MemoryError

    cdef uint32_t rename(self, Store other, uint32_t* names, uint32_t id) noexcept nogil:
        cdef const char* text
        if id and names[id] == 0:
            text = string_at(&other.strings, id)
            names[id] = add_string(self.strings_, text, string_length(&other.strings, id))
        return names[id]

    cdef void move_var(self, Store other, uint32_t* names, uint32_t* ids,
                       VarState* v) noexcept nogil:
        v.name = self.rename(other, names, v.name)
        v.node = ids[v.node]
        v.file = self.rename(other, names, v.file)
        v.func = self.rename(other, names, v.func)

    cdef void move_func(self, Store other, uint32_t* names, uint32_t* ids,
                        FuncState* f) noexcept nogil:
        f.name = self.rename(other, names, f.name)
        f.proto = ids[f.proto]
        f.file = self.rename(other, names, f.file)

    cdef place_units(self):
        """Find each unit's lists, in file order."""
        cdef Store store
        cdef UnitPlace* place
        cdef size_t i
        cdef uint32_t s
        found = []
        for s in range(len(self.stores)):
            store = self.stores[s]
            for i in range(store.units.num):
                found.append(((<UnitNodes*>store.units.items)[i].unit, s, i))
        found.sort()
        array_init(&self.places, sizeof(UnitPlace), len(found))
        for unit, s, i in found:
            place = <UnitPlace*>push(&self.places)
            place.unit = unit
            place.store = s
            place.index = i

    cdef uint32_t* listed(self, size_t place, uint32_t* count, uint32_t* types) except? NULL:
        """Return the nodes a unit lists: `types` of them types, then prototypes."""
        cdef UnitPlace* p = &(<UnitPlace*>self.places.items)[place]
        cdef Store store = <Store>self.stores[p.store]
        cdef UnitNodes* unit = &(<UnitNodes*>store.units.items)[p.index]
        count[0] = unit.protos_end - unit.start
        types[0] = unit.end - unit.start
        return u32s(&store.interner.unit_nodes) + unit.start

    cdef list_cuts(self):
        """Find the cut that stands for each definition's name."""
        cdef uint32_t i = 0
        cdef uint32_t record[4]
        cdef uint32_t* words
        array_init(&self.cuts, 4, num_nodes(self.nodes))
        while i < num_nodes(self.nodes):
            words = node_at(self.nodes, i)
            push_u32(&self.cuts, 0)
            if i and words[0] and kind_of(words[1]) in (BTF_STRUCT, BTF_UNION, BTF_ENUM,
                                                        BTF_ENUM64):
                record[0] = words[0]
                record[1] = <uint32_t>NODE_CUT << 24 | class_of(kind_of(words[1]))
                record[2] = record[3] = 0
                u32s(&self.cuts)[i] = intern_node(self.nodes, record, 4, NO_PLACE)
            i += 1

    cdef define(self):
        """Find the definitions of each cut, which is most common, and which cuts have several."""
        cdef uint32_t i, node, cut, count = 0, types = 0
        cdef uint32_t* nodes
        cdef size_t place, num = num_nodes(self.nodes)
        cdef uint32_t[::1] holders = np.zeros(num, np.uint32)
        cdef Store store
        sized(&self.ambiguous, 1, num)
        sized(&self.baseline, 4, num)
        sized(&self.bound, 8, num)
        for place in range(self.places.num):
            nodes = self.listed(place, &count, &types)
            for i in range(types):
                node = nodes[i]
                cut = 0 if node & DUPLICATE_MARK else u32s(&self.cuts)[node]
                if cut == 0:
                    continue
                holders[node] += 1
                if u32s(&self.baseline)[cut] == 0:
                    u32s(&self.baseline)[cut] = node
                elif u32s(&self.baseline)[cut] != node:
                    self.ambiguous.items[cut] = 1
                    if holders[node] > holders[u32s(&self.baseline)[cut]]:
                        u32s(&self.baseline)[cut] = node
        for store in self.stores:
            for place in range(0, store.interner.duplicates.num, 2):
                cut = u32s(&store.interner.duplicates)[place]
                u32s(&self.baseline)[cut] = u32s(&store.interner.duplicates)[place + 1]

    cdef void bind(self, uint32_t* nodes, uint32_t types, uint32_t stamp) noexcept nogil:
        """Note what a unit's own definitions bind names to."""
        cdef uint32_t i, cut
        for i in range(types):
            if nodes[i] & DUPLICATE_MARK:
                continue
            cut = u32s(&self.cuts)[nodes[i]]
            if cut:
                u64s(&self.bound)[cut] = <uint64_t>stamp << 32 | nodes[i]


cdef uint32_t class_of(uint32_t kind) noexcept nogil:
    if kind == BTF_STRUCT: return CUT_STRUCT
    elif kind == BTF_UNION: return CUT_UNION
    return CUT_ENUM


cdef uint32_t string_length(StringTable* t, uint32_t id) noexcept nogil:
    cdef uint32_t end = u32s(&t.offsets)[id + 1] if id + 1 < t.offsets.num \
        else <uint32_t>t.bytes_.num
    return end - u32s(&t.offsets)[id] - 1


cdef sized(Array* a, size_t item_size, size_t num):
    """Make an array of zeroed items."""
    if not array_init(a, item_size, num):
        raise MemoryError
    a.num = num
