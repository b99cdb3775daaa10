"""Say what each name means in each unit.

In:  the joined stores of one program.
Out: a baseline for each name, copies of what means something else in some unit, and which are live.

A record refers to named structs, unions and enums by name only. That is enough as long as a name
has one definition. Where it has several (*ambiguous*: two drivers with a private struct of one
name, say), a record that refers to it means different things in different units:

1. Each ambiguous name gets a *baseline*. If some struct refers to it both in a unit that defines
   it and in one that only declares it, the baseline is the definition met first in that way: the
   struct is one, so the declaration means that definition. Else declarations and definitions
   don't meet, and the baseline is whichever most units see.
2. In a unit that binds some name to anything but its baseline, whatever reaches that name through
   the unit's own bindings is *tainted*. Tainted records get copies of their own, bound as that
   unit binds them. All others exist once.

Copies that turn out to mean the same are merged by `equivalence` afterwards, so it is sound to
copy too much, and never needed to compare here.

Source: the outcome is what libbpf's dedup gives, reached by name instead of by candidate pairs.
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from dwarfless._core.ingest cimport FuncState, StateTag, Store, UnitNodes, VarState
from dwarfless._core.intern cimport DUPLICATE_MARK
from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.names cimport *
from dwarfless._core.joined cimport UnitPlace, sized

cdef enum:
    DECLARED_IS_ODD = 2         # of an ambiguous name: a mere declaration isn't the baseline

cdef extern from *:
    """
    #define UNBOUND ((uint64_t)1 << 31)
    """
    const uint64_t UNBOUND      # added to a unit's stamp: it declares the name, no more

cdef class Bound(Joined):
    """The joined stores, with every name bound.

    Attributes:
        figures: How many names were ambiguous, units odd, records copied.
    """

    def __init__(self, list stores):
        super().__init__(stores)
        cdef size_t num = num_nodes(self.nodes)
        sized(&self.forwards, 4, num)
        sized(&self.defined_units, 4, num)
        sized(&self.declared_units, 4, num)
        sized(&self.taints, 8, num)
        sized(&self.pair_heads, 4, num)
        sized(&self.touching, 1, num)
        sized(&self.touched, 1, self.places.num)
        sized(&self.live, 1, num)
        self.choose_baselines()
        self.copy_tainted()

    def __dealloc__(self):
        array_deinit(&self.forwards)
        array_deinit(&self.defined_units)
        array_deinit(&self.declared_units)
        array_deinit(&self.taints)
        array_deinit(&self.live)
        array_deinit(&self.pairs)
        array_deinit(&self.pair_heads)
        array_deinit(&self.touching)
        array_deinit(&self.touched)
        array_deinit(&self.copies)
        array_deinit(&self.copy_starts)

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
        for i in range(1, num_nodes(self.nodes)):
            self.touching.items[i] = u32s(&self.pair_heads)[i] != 0 \
                or self.ambiguous.items[u32s(&self.cuts)[i]] != 0

    cdef bint touches_ambiguous(self, uint32_t* nodes, uint32_t count) noexcept nogil:
        """Say whether a unit defines an ambiguous name or refers to one; nearly none does."""
        cdef uint32_t i
        cdef char found = 0
        for i in range(count):
            found |= self.touching.items[nodes[i] & ~DUPLICATE_MARK]
        return found != 0

    cdef void mark_live(self, uint32_t* nodes, uint32_t types) noexcept nogil:
        cdef uint32_t i
        for i in range(types):
            self.live.items[nodes[i] & ~DUPLICATE_MARK] = 1

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
            if self.touches_ambiguous(nodes, types):
                self.touched.items[place] = 1
                self.bind(nodes, types, place + 1)
                self.see_pairs(nodes, types, place + 1)
            else:
                self.touched.items[place] = self.touches_ambiguous(nodes + types, count - types)
        for i in range(self.pairs.num):
            pair = &(<Pair*>self.pairs.items)[i]
            when = max(pair.defined_in, pair.declared_in)
            if pair.defined_in and pair.declared_in and (
                    earliest[pair.cut] == 0 or when < earliest[pair.cut]
                    # Which node has which number depends on the threads, where it was met does not.
                    or (when == earliest[pair.cut] and self.is_before(pair))):
                earliest[pair.cut] = when
                u32s(&self.baseline)[pair.cut] = pair.definition
        for i in range(num_nodes(self.nodes)):
            if self.ambiguous.items[i] and earliest[i] == 0:
                self.choose_disputed(i)

    cdef bint is_before(self, Pair* pair) noexcept nogil:
        """Say whether a pair's definition was met before the baseline that its cut has."""
        return node_of(self.nodes, pair.definition).first \
            < node_of(self.nodes, u32s(&self.baseline)[pair.cut]).first

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
        for place in range(self.places.num):
            nodes = self.listed(place, &count, &types)
            stamp = place + 1
            any_odd = False
            if self.touched.items[place]:
                self.bind(nodes, types, stamp)
                any_odd = self.is_odd_unit(nodes, count, stamp)
            if any_odd:
                num_units += 1
                with nogil:
                    self.taint_unit(nodes, count, stamp)
                self.follow_taints(place, stamp)
            else:
                self.mark_live(nodes, types)
                continue
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
        if copy < self.live.num:
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
