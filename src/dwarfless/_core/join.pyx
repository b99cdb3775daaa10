"""Join the stores of all threads, and say what each name means in each unit.

In:  the Stores of one program.
Out: one graph of resolved records, and for functions and variables the record of their type.

A record refers to named structs, unions and enums by name only. That is enough as long as a name
has one definition. Where it has several (*ambiguous*: two drivers with a private struct of one
name, say), a record that refers to it means different things in different units:

1. Each ambiguous name gets a *baseline*: the definition that a unit knowing it and a unit that
   only declares it agree on, because a struct they share refers to it. Without such a struct the
   declaration stays a declaration.
2. In a unit that binds some name to anything but its baseline, whatever reaches that name through
   the unit's own bindings is *tainted*. Tainted records get copies of their own, bound as that
   unit binds them. All others exist once.

Copies that turn out to mean the same are merged by `equivalence` afterwards, so it is sound to
copy too much, and never needed to compare here. 

Source: the outcome is what libbpf's dedup gives, reached by name instead of by candidate pairs.
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from dwarfless._core.ingest cimport FuncState, StateTag, Store, UnitNodes, VarState
from dwarfless._core.intern cimport DUPLICATE_MARK
from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.strings cimport *

cdef struct UnitPlace:
    uint32_t store
    uint32_t index              # into the store's units
    uint32_t unit


cdef struct Pair:               # a composite and an ambiguous name it refers to
    uint32_t cut, definition    # the definition seen first
    uint32_t defined_in, declared_in    # 1 + first unit, 0 = none
    uint32_t next


cdef enum:
    DECLARED_IS_ODD = 2         # of an ambiguous name: a mere declaration isn't the baseline

cdef extern from *:
    """
    #define UNBOUND ((uint64_t)1 << 31)
    """
    const uint64_t UNBOUND      # added to a unit's stamp: it declares the name, no more


cdef class Resolved:
    """The joined graph. Node ids are record ids; record 0 is void.

    Attributes:
        words: uint32[...]: BTF records in wide form, with offsets into `strings` for names.
        starts: uint32[num_records + 1]: where each begins in words.
        order: uint32[...]: live records by where they were first met.
        variables, functions: structured arrays of VarState and FuncState, in unit order; `node`
            and `proto` are record ids, `name` is an offset into `strings`.
        tags: decl tags of variables and functions, by index into those arrays.
        strings: bytes: all strings met, used or not.
    """
    cdef list stores
    cdef StringTable* strings_
    cdef NodeTable* nodes
    cdef Array places           # UnitPlace, by unit
    cdef Array forwards         # uint32[nodes]: cut -> forward record of its own, or 0
    cdef Array defined_units    # uint32[nodes]: by cut
    cdef Array declared_units   # uint32[nodes]: by cut
    cdef Array cuts             # uint32[nodes]: definition -> its plain cut
    cdef Array ambiguous        # uint8[nodes]: by cut
    cdef Array baseline         # uint32[nodes]: by cut
    cdef Array bound            # uint64[nodes]: by cut: 1 + unit << 32 | definition
    cdef Array taints           # uint64[nodes]: 1 + unit << 32 | copy
    cdef Array live             # uint8[nodes + copies]
    cdef Array pairs            # Pair
    cdef Array pair_heads       # uint32[nodes]
    cdef Array copies           # uint32: words of copies
    cdef Array copy_starts      # uint32
    cdef readonly dict figures
    cdef readonly object words, starts, variables, functions, tags, strings
    cdef public object order
    cdef object firsts

    def __init__(self, list stores):
        cdef Store first = stores[0]
        cdef Store store
        self.stores = stores
        self.strings_ = &first.strings
        self.nodes = &first.nodes
        for store in stores[1:]:
            self.join(store)
        self.place_units()
        self.define()
        self.choose_baselines()
        self.copy_tainted()
        self.emit()

    def __dealloc__(self):
        array_deinit(&self.places)
        array_deinit(&self.forwards)
        array_deinit(&self.defined_units)
        array_deinit(&self.declared_units)
        array_deinit(&self.cuts)
        array_deinit(&self.ambiguous)
        array_deinit(&self.baseline)
        array_deinit(&self.bound)
        array_deinit(&self.taints)
        array_deinit(&self.live)
        array_deinit(&self.pairs)
        array_deinit(&self.pair_heads)
        array_deinit(&self.copies)
        array_deinit(&self.copy_starts)

    cdef join(self, Store other):
        """Add another store's strings and nodes, and renumber its lists."""
        cdef uint32_t[::1] names = np.zeros(other.strings.offsets.num, np.uint32)
        cdef uint32_t[::1] ids = np.zeros(other.nodes.hashes.num, np.uint32)
        cdef Array record
        cdef uint32_t i, j, kind, length, role
        cdef uint32_t* words
        cdef size_t k
        cdef bint failed
        array_init(&record, 4, 1024)
        with nogil:
            for i in range(1, <uint32_t>other.nodes.hashes.num):
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
                                     u64s(&other.nodes.firsts)[i])
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

    cdef void move_func(self, Store other, uint32_t* names, uint32_t* ids,
                        FuncState* f) noexcept nogil:
        f.name = self.rename(other, names, f.name)
        f.proto = ids[f.proto]

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

    cdef inline uint32_t* listed(self, size_t place, uint32_t* count, uint32_t* types) except? NULL:
        """Return the nodes a unit lists: `types` of them types, then prototypes."""
        cdef UnitPlace* p = &(<UnitPlace*>self.places.items)[place]
        cdef Store store = <Store>self.stores[p.store]
        cdef UnitNodes* unit = &(<UnitNodes*>store.units.items)[p.index]
        count[0] = unit.protos_end - unit.start
        types[0] = unit.end - unit.start
        return u32s(&store.interner.unit_nodes) + unit.start

    cdef define(self):
        """Find the definitions of each cut, and which cuts have several."""
        cdef uint32_t i, node, cut, count = 0, types = 0
        cdef uint32_t record[4]
        cdef uint32_t* words
        cdef uint32_t* nodes
        cdef size_t place, num
        cdef uint32_t[::1] holders
        cdef Store store
        array_init(&self.cuts, 4, num_nodes(self.nodes))
        i = 0
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
        num = num_nodes(self.nodes)
        holders = np.zeros(num, np.uint32)
        sized(&self.forwards, 4, num)
        sized(&self.defined_units, 4, num)
        sized(&self.declared_units, 4, num)
        sized(&self.ambiguous, 1, num)
        sized(&self.baseline, 4, num)
        sized(&self.bound, 8, num)
        sized(&self.taints, 8, num)
        sized(&self.pair_heads, 4, num)
        for place in range(self.places.num):
            nodes = self.listed(place, &count, &types)
            for i in range(types):
                node = nodes[i]
                if node & DUPLICATE_MARK:
                    continue
                cut = u32s(&self.cuts)[node]
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

    cdef void add_pair(self, uint32_t node, uint32_t cut) noexcept nogil:
        cdef uint32_t link = u32s(&self.pair_heads)[node]
        cdef Pair* pair
        while link:
            pair = &(<Pair*>self.pairs.items)[link - 1]
            if pair.cut == cut:
                return
            link = pair.next
        pair = <Pair*>push(&self.pairs)
        pair.cut = cut
        pair.next = u32s(&self.pair_heads)[node]
        u32s(&self.pair_heads)[node] = <uint32_t>self.pairs.num

    cdef void find_pairs(self) noexcept nogil:
        """Tell for each record which ambiguous names it refers to without a struct between."""
        cdef uint32_t i, j, kind, child, link
        cdef uint32_t* words
        for i in range(1, num_nodes(self.nodes)):
            words = node_at(self.nodes, i)
            kind = kind_of(words[1])
            if kind == NODE_CUT:
                if self.ambiguous.items[i]:
                    self.add_pair(i, i)
                continue
            for j in range(2, node_length(self.nodes, i)):
                if role_of(kind, j) != ROLE_NODE or words[j] == 0:
                    continue
                child = words[j]
                if kind_of(node_at(self.nodes, child)[1]) in (BTF_STRUCT, BTF_UNION):
                    continue
                link = u32s(&self.pair_heads)[child]
                while link:
                    self.add_pair(i, (<Pair*>self.pairs.items)[link - 1].cut)
                    link = (<Pair*>self.pairs.items)[link - 1].next

    cdef void see_pairs(self, uint32_t* nodes, uint32_t types, uint32_t stamp) noexcept nogil:
        """Note which ambiguous names a unit defines, which it only declares, and who refers."""
        cdef uint32_t i, link, node, kind
        cdef Pair* pair
        cdef uint64_t binding
        for i in range(types):
            node = nodes[i] & ~DUPLICATE_MARK
            if self.ambiguous.items[u32s(&self.cuts)[node]] and node == nodes[i]:
                u32s(&self.defined_units)[u32s(&self.cuts)[node]] += 1
            link = u32s(&self.pair_heads)[node]
            kind = kind_of(node_at(self.nodes, node)[1])
            while link:
                pair = &(<Pair*>self.pairs.items)[link - 1]
                link = pair.next
                binding = u64s(&self.bound)[pair.cut]
                if binding >> 32 != stamp and binding >> 32 != UNBOUND + stamp:
                    u32s(&self.declared_units)[pair.cut] += 1
                    u64s(&self.bound)[pair.cut] = (UNBOUND + stamp) << 32
                if kind != BTF_STRUCT and kind != BTF_UNION:
                    continue
                if binding >> 32 != stamp:
                    if pair.declared_in == 0:
                        pair.declared_in = stamp
                elif pair.defined_in == 0:
                    pair.defined_in = stamp
                    pair.definition = <uint32_t>binding

    cdef choose_baselines(self):
        """Choose for each ambiguous name what a mere declaration of it means."""
        cdef uint32_t count = 0, types = 0, i, when, num_ambiguous = 0
        cdef uint32_t* nodes
        cdef size_t place
        cdef Pair* pair
        cdef uint32_t[::1] earliest = np.zeros(num_nodes(self.nodes), np.uint32)
        array_init(&self.pairs, sizeof(Pair), 64)
        array_init(&self.copies, 4, 64)
        array_init(&self.copy_starts, 4, 64)
        push_u32(&self.copy_starts, 0)
        for i in range(num_nodes(self.nodes)):
            num_ambiguous += self.ambiguous.items[i]
        self.figures = {"ambiguous_names": num_ambiguous}
        if num_ambiguous == 0:
            return
        self.find_pairs()
        for place in range(self.places.num):
            nodes = self.listed(place, &count, &types)
            self.bind(nodes, types, place + 1)
            self.see_pairs(nodes, types, place + 1)
        for i in range(self.pairs.num):
            pair = &(<Pair*>self.pairs.items)[i]
            when = max(pair.defined_in, pair.declared_in)
            if pair.defined_in and pair.declared_in \
                    and (earliest[pair.cut] == 0 or when < earliest[pair.cut]):
                earliest[pair.cut] = when
                u32s(&self.baseline)[pair.cut] = pair.definition
        for i in range(num_nodes(self.nodes)):
            if self.ambiguous.items[i] and earliest[i] == 0:
                self.choose_disputed(i)

    cdef void choose_disputed(self, uint32_t cut) noexcept nogil:
        """No struct ties this name's declarations to a definition: they stay apart.

        Whichever of the two most units see is the baseline, so that few are tainted.
        """
        cdef uint32_t defined = u32s(&self.defined_units)[cut]
        cdef uint32_t declared = u32s(&self.declared_units)[cut]
        if declared >= defined:
            u32s(&self.baseline)[cut] = 0
        elif declared:
            self.ambiguous.items[cut] = DECLARED_IS_ODD
            u32s(&self.forwards)[cut] = num_nodes(self.nodes) \
                + <uint32_t>self.copy_starts.num - 1
            push_u32(&self.copies, node_at(self.nodes, cut)[0])
            push_u32(&self.copies, node_at(self.nodes, cut)[1])
            push_u32(&self.copies, 0)
            push_u32(&self.copy_starts, <uint32_t>self.copies.num)

    cdef bint odd(self, uint32_t cut, uint32_t stamp) noexcept nogil:
        """Say whether the bound unit gives a name another meaning than its baseline."""
        cdef uint64_t binding = u64s(&self.bound)[cut]
        if binding >> 32 != stamp:
            return self.ambiguous.items[cut] == DECLARED_IS_ODD
        return <uint32_t>binding != u32s(&self.baseline)[cut]

    cdef bint is_odd_unit(self, uint32_t* nodes, uint32_t count, uint32_t stamp) noexcept nogil:
        """Say whether any record of the bound unit refers to a name that is odd in it."""
        cdef uint32_t i, link
        for i in range(count):
            link = u32s(&self.pair_heads)[nodes[i] & ~DUPLICATE_MARK]
            while link:
                if self.odd((<Pair*>self.pairs.items)[link - 1].cut, stamp):
                    return True
                link = (<Pair*>self.pairs.items)[link - 1].next
        return False

    cdef bint reaches_taint(self, uint32_t node, uint32_t stamp) noexcept nogil:
        cdef uint32_t* words = node_at(self.nodes, node)
        cdef uint32_t kind = kind_of(words[1]), j, child
        cdef uint64_t binding
        if kind == NODE_CUT:
            return False
        for j in range(2, node_length(self.nodes, node)):
            if role_of(kind, j) != ROLE_NODE:
                continue
            child = words[j]
            if u64s(&self.taints)[child] >> 32 == stamp:
                return True
            if kind_of(node_at(self.nodes, child)[1]) == NODE_CUT:
                binding = u64s(&self.bound)[child]
                if self.ambiguous.items[child] and self.odd(child, stamp):
                    return True
                if binding >> 32 == stamp \
                        and u64s(&self.taints)[<uint32_t>binding] >> 32 == stamp:
                    return True
        return False

    cdef uint32_t meaning(self, uint32_t child, uint32_t stamp) noexcept nogil:
        """Return what a tainted record's reference means in the bound unit."""
        cdef uint64_t binding
        if kind_of(node_at(self.nodes, child)[1]) == NODE_CUT:
            binding = u64s(&self.bound)[child]
            if binding >> 32 == stamp:
                child = <uint32_t>binding
            elif self.ambiguous.items[child] == DECLARED_IS_ODD:
                return u32s(&self.forwards)[child]
        if u64s(&self.taints)[child] >> 32 == stamp:
            return <uint32_t>u64s(&self.taints)[child]
        return child

    cdef void taint_unit(self, uint32_t* nodes, uint32_t count, uint32_t stamp) noexcept nogil:
        cdef uint32_t i, j, node, kind, length
        cdef uint32_t* words
        cdef bint changed = True
        cdef uint32_t base = num_nodes(self.nodes), first = <uint32_t>self.copy_starts.num - 1
        while changed:
            changed = False
            for i in range(count):
                node = nodes[i] & ~DUPLICATE_MARK
                if u64s(&self.taints)[node] >> 32 != stamp and self.reaches_taint(node, stamp):
                    u64s(&self.taints)[node] = <uint64_t>stamp << 32
                    changed = True
        for i in range(count):  # number the copies, so that they can refer to each other
            node = nodes[i] & ~DUPLICATE_MARK
            if u64s(&self.taints)[node] == <uint64_t>stamp << 32:
                u64s(&self.taints)[node] |= base + first
                first += 1
        for i in range(count):
            node = nodes[i] & ~DUPLICATE_MARK
            if u64s(&self.taints)[node] >> 32 != stamp or \
                    <uint32_t>u64s(&self.taints)[node] != base + self.copy_starts.num - 1:
                continue
            words = node_at(self.nodes, node)
            length = node_length(self.nodes, node)
            kind = kind_of(words[1])
            for j in range(length):
                if role_of(kind, j) == ROLE_NODE:
                    push_u32(&self.copies, self.meaning(words[j], stamp))
                else:
                    push_u32(&self.copies, words[j])
            push_u32(&self.copy_starts, <uint32_t>self.copies.num)

    cdef copy_tainted(self):
        """Copy what is tainted in each unit, and mark what is live."""
        cdef uint32_t count = 0, types = 0, i, node, stamp, num_units = 0
        cdef uint32_t* nodes
        cdef size_t place
        cdef bint any_odd
        sized(&self.live, 1, num_nodes(self.nodes))
        for place in range(self.places.num):
            nodes = self.listed(place, &count, &types)
            stamp = place + 1
            any_odd = False
            if self.figures["ambiguous_names"]:
                self.bind(nodes, types, stamp)
                any_odd = self.is_odd_unit(nodes, count, stamp)
            if any_odd:
                num_units += 1
                with nogil:
                    self.taint_unit(nodes, count, stamp)
                self.follow_taints(place, stamp)
            for i in range(types):
                node = nodes[i] & ~DUPLICATE_MARK
                if u64s(&self.taints)[node] >> 32 != stamp:
                    self.live.items[node] = 1
                else:
                    self.mark_copy(<uint32_t>u64s(&self.taints)[node])
        self.figures["odd_units"] = num_units
        self.figures["copied_records"] = self.copy_starts.num - 1

    cdef void mark_copy(self, uint32_t copy) noexcept nogil:
        while self.live.num <= copy and not self.live.failed:
            push(&self.live)
        self.live.items[copy] = 1

    cdef follow_taints(self, size_t place, uint32_t stamp):
        """Point the unit's variables and functions at the copies."""
        cdef UnitPlace* p = &(<UnitPlace*>self.places.items)[place]
        cdef Store store = self.stores[p.store]
        cdef UnitNodes* unit = &(<UnitNodes*>store.units.items)[p.index]
        cdef VarState* v
        cdef FuncState* f
        cdef uint32_t i
        for i in range(unit.first_var, unit.end_var):
            v = &(<VarState*>store.vars.items)[i]
            v.node = self.meaning(v.node, stamp)
        for i in range(unit.first_func, unit.end_func):
            f = &(<FuncState*>store.funcs.items)[i]
            f.proto = self.meaning(f.proto, stamp)

    cdef uint32_t settled(self, uint32_t node) noexcept nogil:
        """Return the record a reference ends at: a cut's baseline, or the cut itself."""
        cdef uint32_t definition
        if node < num_nodes(self.nodes):
            definition = u32s(&self.baseline)[node]
            if definition:
                return definition
        return node

    cdef void write_record(self, uint32_t* words, uint32_t length, uint32_t* out,
                           uint64_t* at) noexcept nogil:
        """Write one record; a cut that nothing defines becomes a forward declaration."""
        cdef uint32_t kind = kind_of(words[1]), j, role
        if kind == NODE_CUT:
            out[at[0]] = u32s(&self.strings_.offsets)[words[0]]
            if vlen_of(words[1]) == CUT_ENUM:
                out[at[0] + 1] = <uint32_t>BTF_ENUM << 24
                out[at[0] + 2] = 4
            else:
                out[at[0] + 1] = <uint32_t>BTF_FWD << 24 \
                    | (<uint32_t>1 << 31 if vlen_of(words[1]) == CUT_UNION else 0)
                out[at[0] + 2] = 0
            at[0] += 3
            return
        for j in range(length):
            role = role_of(kind, j)
            if role == ROLE_NODE:
                out[at[0] + j] = self.settled(words[j])
            elif role == ROLE_NAME:
                out[at[0] + j] = u32s(&self.strings_.offsets)[words[j]]
            else:
                out[at[0] + j] = words[j]
        at[0] += length

    cdef emit(self):
        """Write all records, resolved; `order` lists those that are types in their own right."""
        cdef size_t num_base = num_nodes(self.nodes), num = num_base + self.copy_starts.num - 1
        cdef size_t i
        cdef uint64_t at = 0
        words_array = np.zeros(self.nodes.words.num + self.copies.num + 3, np.uint32)
        starts_array = np.zeros(num + 1, np.uint32)
        cdef uint32_t[::1] words = words_array
        cdef uint32_t[::1] starts = starts_array
        while self.live.num < num:
            push(&self.live)
        with nogil:
            for i in range(num):
                starts[i] = <uint32_t>at
                if i == 0:
                    continue
                if i < num_base:
                    self.write_record(node_at(self.nodes, i), node_length(self.nodes, i),
                                      &words[0], &at)
                else:
                    self.write_record(
                        u32s(&self.copies) + u32s(&self.copy_starts)[i - num_base],
                        u32s(&self.copy_starts)[i - num_base + 1]
                        - u32s(&self.copy_starts)[i - num_base], &words[0], &at)
            starts[num] = <uint32_t>at
        self.words = words_array[:at]
        self.starts = starts_array
        self.order = self.live_order(num_base, num)
        self.gather()

    cdef live_order(self, size_t num_base, size_t num):
        """Return live records, each where it was first met; cuts with a definition drop out."""
        cdef const uint8_t[::1] live = <const uint8_t[:num]><const uint8_t*>self.live.items
        cdef const uint64_t[::1] firsts = \
            <const uint64_t[:num_base]><const uint64_t*>self.nodes.firsts.items
        cdef const uint32_t[::1] baseline = \
            <const uint32_t[:num_base]><const uint32_t*>self.baseline.items
        flags = np.asarray(live).copy()
        flags[:num_base][np.asarray(baseline) != 0] = 0
        flags[0] = 0
        where = np.full(num, np.iinfo(np.uint64).max, np.uint64)
        where[:num_base] = firsts
        self.firsts = where
        return self.by_place(np.flatnonzero(flags))

    def by_place(self, ids):
        """Return record ids in the order in which the records were first met.

        Args:
            ids: integers[num_ids], ascending.
        """
        return ids[np.argsort(self.firsts[ids], kind="stable")].astype(np.uint32)

    cdef gather(self):
        """Copy the states of variables and functions out, in unit order."""
        cdef Store store
        cdef UnitPlace* p
        cdef UnitNodes* unit
        cdef size_t place
        cdef size_t num_vars = 0, num_funcs = 0
        variables = [np.empty(0, VAR_STATE)]
        functions = [np.empty(0, FUNC_STATE)]
        tags = [np.empty(0, STATE_TAG)]
        for place in range(self.places.num):
            p = &(<UnitPlace*>self.places.items)[place]
            store = self.stores[p.store]
            unit = &(<UnitNodes*>store.units.items)[p.index]
            if unit.end_tag > unit.first_tag:
                some = rows(&store.tags, unit.first_tag, unit.end_tag, STATE_TAG).copy()
                of_func = some["of_func"] != 0
                some["state"][of_func] += num_funcs - unit.first_func
                some["state"][~of_func] += num_vars - unit.first_var
                tags.append(some)
            if unit.end_var > unit.first_var:
                variables.append(rows(&store.vars, unit.first_var, unit.end_var, VAR_STATE))
                num_vars += unit.end_var - unit.first_var
            if unit.end_func > unit.first_func:
                functions.append(rows(&store.funcs, unit.first_func, unit.end_func, FUNC_STATE))
                num_funcs += unit.end_func - unit.first_func
        self.strings = bytes(<const char[:self.strings_.bytes_.num]>self.strings_.bytes_.items)
        cdef size_t num = self.strings_.offsets.num
        offsets = np.asarray(<const uint32_t[:num]><const uint32_t*>self.strings_.offsets.items)
        self.variables = np.concatenate(variables)
        self.functions = np.concatenate(functions)
        self.tags = np.concatenate(tags)
        self.variables["name"] = offsets[self.variables["name"]]
        self.functions["name"] = offsets[self.functions["name"]]
        self.tags["value"] = offsets[self.tags["value"]]
        self.variables["node"] = self.settled_ids(self.variables["node"])

    def are_names(self, offsets):
        """Return bool[num_offsets]: whether each string is a name the kernel accepts.

        Args:
            offsets: uint32[num_offsets], offsets of whole strings in `strings`.
        """
        cdef size_t num = self.strings_.offsets.num
        starts = np.asarray(<const uint32_t[:num]><const uint32_t*>self.strings_.offsets.items)
        flags = np.asarray(<const uint8_t[:num]><const uint8_t*>self.strings_.flags.items)
        return (flags[np.searchsorted(starts, offsets)] & STRING_IS_NAME) != 0

    cdef settled_ids(self, nodes):
        """Return where each reference ends."""
        cdef uint32_t[::1] ids = np.ascontiguousarray(nodes)
        cdef Py_ssize_t i
        for i in range(ids.shape[0]):
            ids[i] = self.settled(ids[i])
        return np.asarray(ids)


cdef rows(Array* a, size_t first, size_t end, dtype):
    """Return a view of some items of an array of structs."""
    return np.frombuffer(<const char[:(end - first) * a.item_size]>(
        a.items + first * a.item_size), dtype)


cdef uint64_t NO_PLACE = ~<uint64_t>0

VAR_STATE = np.dtype([("address", "u8"), ("name", "u4"), ("node", "u4"), ("unit", "u4"),
                      ("flags", "u4")])
FUNC_STATE = np.dtype([("address", "u8"), ("name", "u4"), ("proto", "u4"), ("unit", "u4"),
                       ("flags", "u4")])
STATE_TAG = np.dtype([("state", "u4"), ("value", "u4"), ("component", "i4"), ("of_func", "u4")])


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
