"""Join the stores of all threads, and find which names have several definitions.

In:  the Stores of one program.
Out: one store of nodes, the lists of all units in file order, and for each name its definition.

Names get one number each (see `spellings`). Unless that changes the first store's records, as it
does in modules, the first store takes the others in; else all are read into a new one.
"""

import numpy as np

from libc.stdlib cimport free, malloc
from libc.string cimport memset

from dwarfless._core.intern cimport DUPLICATE_MARK
from dwarfless._core.radix cimport *


cdef enum:  # DefinitionState
    ALONE = 0                   # the only definition of its name, not met yet
    RIVAL = 1
    SETTLED = 2                 # alone and met, or no definition of a name


cdef class Joined:
    """The stores of a program, as one.

    Args:
        stores: One a thread; the first is kept, the others are read.
    """

    def __init__(self, list stores):
        cdef Store first = stores[0]
        cdef Store store
        extend_heap()
        self.stores = stores
        self.names = &first.names
        self.nodes = &first.nodes
        if not spellings_init(&self.spellings, self.names):
            raise MemoryError
        for store in stores:
            self.use_names(store)
        spell_all(&self.spellings)
        if self.has_other_names(first):
            self.nodes = &self.own_nodes
            if not nodes_init(self.nodes):
                raise MemoryError
            self.join(first)
        else:
            self.move_states(first, NULL)
        for store in stores[1:]:
            self.join(store)
        self.place_units()
        self.list_cuts()
        self.define()

    def __dealloc__(self):
        spellings_deinit(&self.spellings)
        nodes_deinit(&self.own_nodes)
        array_deinit(&self.places)
        array_deinit(&self.cuts)
        array_deinit(&self.ambiguous)
        array_deinit(&self.baseline)
        array_deinit(&self.bound)

    cdef void use_names(self, Store store) noexcept nogil:
        """Tell which names a store's records and states have."""
        cdef uint32_t i, j
        cdef uint32_t* words
        cdef Roles roles
        cdef size_t k
        for i in range(1, num_nodes(&store.nodes)):
            words = node_at(&store.nodes, i)
            use_name(&self.spellings, words[0])
            roles = roles_of(kind_of(words[1]))
            j = 3
            while roles.stride and roles.first == ROLE_NAME and j < node_length(&store.nodes, i):
                use_name(&self.spellings, words[j])
                j += roles.stride
        for k in range(store.vars.num):
            use_name(&self.spellings, (<VarState*>store.vars.items)[k].name)
            use_name(&self.spellings, (<VarState*>store.vars.items)[k].file)
            use_name(&self.spellings, (<VarState*>store.vars.items)[k].func)
        for k in range(store.funcs.num):
            use_name(&self.spellings, (<FuncState*>store.funcs.items)[k].name)
            use_name(&self.spellings, (<FuncState*>store.funcs.items)[k].file)
        for k in range(store.tags.num):
            use_name(&self.spellings, (<StateTag*>store.tags.items)[k].value)

    cdef bint has_other_names(self, Store store) noexcept nogil:
        """Say whether some name in a store's records may not be its canonical one."""
        cdef Spellings* s = &self.spellings
        cdef uint32_t i
        cdef bint other = s.other_in_pool.num or s.other_short.num
        for i in range(1, <uint32_t>store.names.own.offsets.num):
            other |= canonical(s, &store.names, NAME_OWN | i) != NAME_OWN | i
        return other

    cdef join(self, Store other):
        """Add a store's nodes, and renumber its lists."""
        cdef uint32_t[::1] ids = np.zeros(num_nodes(&other.nodes), np.uint32)
        cdef Array record
        cdef uint32_t i
        cdef size_t k
        cdef bint failed
        array_init(&record, 4, 1024)
        with nogil:
            for i in range(1, num_nodes(&other.nodes)):
                if not array_reserve(&record, node_length(&other.nodes, i)):
                    break
                translate(node_at(&other.nodes, i), node_length(&other.nodes, i), &self.spellings,
                          &other.names, &ids[0], u32s(&record))
                ids[i] = intern_behind(self.nodes, ids[i - 1], u32s(&record),
                                       node_length(&other.nodes, i),
                                       node_of(&other.nodes, i).first)
            for k in range(other.interner.unit_nodes.num):
                i = u32s(&other.interner.unit_nodes)[k]
                u32s(&other.interner.unit_nodes)[k] = \
                    ids[i & ~DUPLICATE_MARK] | (i & DUPLICATE_MARK)
            for k in range(other.interner.duplicates.num):
                u32s(&other.interner.duplicates)[k] = ids[u32s(&other.interner.duplicates)[k]]
        failed = record.failed or nodes_failed(self.nodes)
        array_deinit(&record)
        if failed:
            raise MemoryError
        self.move_states(other, &ids[0])

    cdef move_states(self, Store store, const uint32_t* ids):
        """Give the names and types of variables, functions and tags their numbers here."""
        cdef VarState* v
        cdef FuncState* f
        cdef StateTag* tag
        cdef Names* names = &store.names
        cdef size_t k
        with nogil:
            for k in range(store.vars.num):
                v = &(<VarState*>store.vars.items)[k]
                v.name = canonical(&self.spellings, names, v.name)
                v.file = canonical(&self.spellings, names, v.file)
                v.func = canonical(&self.spellings, names, v.func)
                if ids != NULL:
                    v.node = ids[v.node]
            for k in range(store.funcs.num):
                f = &(<FuncState*>store.funcs.items)[k]
                f.name = canonical(&self.spellings, names, f.name)
                f.file = canonical(&self.spellings, names, f.file)
                if ids != NULL:
                    f.proto = ids[f.proto]
            for k in range(store.tags.num):
                tag = &(<StateTag*>store.tags.items)[k]
                tag.value = canonical(&self.spellings, names, tag.value)
        if self.spellings.failed or names_failed(self.names):
            raise MemoryError

    cdef place_units(self):
        """Find each unit's lists, in file order."""
        cdef Store store
        cdef UnitPlace* place
        cdef Keyed* found
        cdef size_t num = 0, i
        cdef uint32_t s
        for store in self.stores:
            num += store.units.num
        found = <Keyed*>malloc((2 * num + 1) * sizeof(Keyed))
        if found == NULL or not array_init(&self.places, sizeof(UnitPlace), num):
            free(found)
            raise MemoryError
        num = 0
        for s in range(len(self.stores)):
            store = self.stores[s]
            for i in range(store.units.num):
                found[num].key = (<UnitNodes*>store.units.items)[i].unit
                found[num].value = <uint64_t>s << 32 | i
                num += 1
        sort_keyed(found, found + num, num)
        for i in range(num):
            place = <UnitPlace*>push(&self.places)
            place.unit = <uint32_t>found[i].key
            place.store = <uint32_t>(found[i].value >> 32)
            place.index = <uint32_t>found[i].value
        free(found)

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
            if self.cuts.failed:
                raise MemoryError("out of memory while joining units")
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
        cdef uint8_t[::1] states = np.zeros(num, np.uint8)
        cdef Store store
        sized(&self.ambiguous, 1, num)
        sized(&self.baseline, 4, num)
        sized(&self.bound, 8, num)
        self.note_rivals(&states[0])
        for place in range(self.places.num):
            nodes = self.listed(place, &count, &types)
            for i in range(types):
                node = nodes[i]
                if node & DUPLICATE_MARK or states[node] == SETTLED:
                    continue
                cut = u32s(&self.cuts)[node]
                if states[node] == ALONE:
                    u32s(&self.baseline)[cut] = node
                    states[node] = SETTLED
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

    cdef void note_rivals(self, uint8_t* states) noexcept nogil:
        """Tell definitions whose name has others from those that are alone, and from the rest.

        Nearly all that units list are the rest, or settled when they are met first.
        """
        cdef uint32_t* last = u32s(&self.baseline)      # of a cut, for now
        cdef uint32_t node, cut
        for node in range(num_nodes(self.nodes)):
            cut = u32s(&self.cuts)[node]
            if cut == 0:
                states[node] = SETTLED
            elif last[cut] == 0:
                last[cut] = node
            else:
                states[node] = states[last[cut]] = RIVAL
        memset(last, 0, num_nodes(self.nodes) * sizeof(uint32_t))

    cdef void bind(self, uint32_t* nodes, uint32_t types, uint32_t stamp) noexcept nogil:
        """Note what a unit's own definitions bind names to."""
        cdef uint32_t i, cut
        for i in range(types):
            if nodes[i] & DUPLICATE_MARK:
                continue
            cut = u32s(&self.cuts)[nodes[i]]
            if cut:
                u64s(&self.bound)[cut] = <uint64_t>stamp << 32 | nodes[i]


cdef inline uint32_t translated(uint32_t role, uint32_t word, Spellings* spellings, Names* names,
                                const uint32_t* ids) noexcept nogil:
    if role == ROLE_NODE:
        return ids[word]
    return canonical(spellings, names, word) if role == ROLE_NAME else word


cdef void translate(const uint32_t* words, uint32_t length, Spellings* spellings, Names* names,
                    const uint32_t* ids, uint32_t* out) noexcept nogil:
    """Write a store's record with the names and nodes of the joined one."""
    cdef uint32_t kind = kind_of(words[1]), j = 3
    cdef Roles roles = roles_of(kind)
    out[0] = canonical(spellings, names, words[0])
    out[1] = words[1]
    out[2] = translated(roles.third, words[2], spellings, names, ids)
    while roles.stride and j + roles.stride <= length:
        out[j] = translated(roles.first, words[j], spellings, names, ids)
        out[j + 1] = translated(roles.second, words[j + 1], spellings, names, ids)
        if roles.stride == 3:
            out[j + 2] = words[j + 2]
        j += roles.stride
    while j < length:
        out[j] = translated(role_of(kind, j), words[j], spellings, names, ids)
        j += 1


cdef inline uint32_t intern_behind(NodeTable* t, uint32_t before, const uint32_t* words,
                                   uint32_t count, uint64_t first) noexcept nogil:
    """Do what intern_node does, after a look at the node behind one.

    Threads read the same headers, so that often it is that one, and nothing has to be hashed.
    """
    cdef uint32_t id = before + 1
    if id < num_nodes(t) and node_length(t, id) == count \
            and same_words(node_at(t, id), words, count):
        if first < node_of(t, id).first:
            node_of(t, id).first = first
        return id
    return intern_node(t, words, count, first)


cdef uint32_t class_of(uint32_t kind) noexcept nogil:
    if kind == BTF_STRUCT: return CUT_STRUCT
    elif kind == BTF_UNION: return CUT_UNION
    return CUT_ENUM


cdef sized(Array* a, size_t item_size, size_t num):
    """Make an array of zeroed items."""
    if not array_init(a, item_size, num):
        raise MemoryError
    a.num = num
