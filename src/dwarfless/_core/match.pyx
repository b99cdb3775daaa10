"""Which types of a graph does a base have already?

Problem. A graph says all of a program's types; a kernel's own BTF, perhaps made by another encoder,
has nearly all of them. Find for each type the base's that means the same.

Method. Named structs, unions and enums are where circles close and where encoders differ, so they
are compared with the base's of that name as *pairs* (pairs.pxd), all at once. Everything else is
then settled from its end: when all that a record refers to has its match, the record with those
matches in place is looked up by content; else the base can't have it. Such a lookup is exact, so
what a variable or a prototype says itself is never bent, only what lies inside a named type.

    ours                                     base
    struct m { int cells[2][3]; };           struct m { int cells[6]; };
    static struct m *map;                    the PTR to m
    static int board[2][3];                  nothing of that shape

The pair m is equal by flattening, so `map` finds the base's pointer; `board` brings two arrays.

Cost. Linear in the types and pairs: 60 ms for 100,000 types.

In:  records and strings of a graph without base, a BaseIndex.
Out: for each type the base's type, or why there is none.
"""

import numpy as np

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, strlen

from dwarfless._core.base_index cimport BaseIndex
from dwarfless._core.equivalence cimport sort_children_first
from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.outlines cimport is_outline
from dwarfless._core.pairs cimport *
from dwarfless._core.strings cimport *

cdef enum:  # Reason, in the order of REASONS in graph/match.py
    MATCHED
    NO_SUCH_NAME
    ONLY_DECLARED
    DIFFERS
    REFERS_TO_NEW
    NO_SUCH_TYPE

cdef class Match:
    """A graph's types, each beside the base's.

    Args:
        index: The base.
        words: uint32[num_words], records of the graph in wide form.
        starts: uint32[num_types + 1]; record 0 is void and empty.
        strings: The string section names are offsets into.

    Attributes:
        ids: uint32[num_types]: the base's type, 0 where it has none.
        reasons: uint8[num_types]: why not, 0 where there is one.
        wheres: uint32[num_types]: word of the record that differs or leads to what differs.
        tolerances: Number of matches by each Tolerance of pairs.pxd.
        num_outlines: Types that are the base's by name and size.
    """
    cdef BaseIndex index
    cdef StringTable news           # names the base lacks; id 1 is num_names + 1
    cdef Pairs pairs
    cdef Array record
    cdef uint32_t num, num_names
    cdef readonly object words, starts, ids, reasons, wheres
    cdef readonly list tolerances
    cdef readonly uint32_t num_outlines

    def __cinit__(self, BaseIndex index, const uint32_t[::1] words, const uint32_t[::1] starts,
                  bytes strings):
        cdef const char* text = strings
        cdef uint32_t[::1] cache
        cdef uint32_t[::1] renamed
        self.index = index
        self.num = <uint32_t>starts.shape[0] - 1
        self.num_names = <uint32_t>len(index.strings) + 1
        if not (strings_init(&self.news) and pairs_init(&self.pairs)
                and array_init(&self.record, 4, 256)):
            raise MemoryError
        self.words = np.array(words, np.uint32)
        self.starts = np.asarray(starts)
        self.ids = np.zeros(self.num, np.uint32)
        self.reasons = np.zeros(self.num, np.uint8)
        self.wheres = np.zeros(self.num, np.uint32)
        self.tolerances = [0] * NUM_TOLERANCES
        if self.num > 1:
            cache = np.zeros(len(strings) + 1, np.uint32)
            renamed = self.words
            with nogil:
                self.rename(text, &renamed[0], &starts[0], &cache[0])
            self.compare(renamed, starts)
            self.settle(renamed, starts)

    def __dealloc__(self):
        strings_deinit(&self.news)
        pairs_deinit(&self.pairs)
        array_deinit(&self.record)

    cdef void rename(self, const char* text, uint32_t* words, const uint32_t* starts,
                     uint32_t* cache) noexcept nogil:
        """Turn names into ids of the base's strings; those it lacks follow."""
        cdef uint32_t id, j, kind, place
        for id in range(1, self.num):
            kind = kind_of(words[starts[id] + 1])
            for j in range(starts[id + 1] - starts[id]):
                if role_of(kind, j) != ROLE_NAME:
                    continue
                place = words[starts[id] + j]
                if place and cache[place] == 0:
                    cache[place] = self.index.name_id(text + place)
                    if cache[place] == 0 and text[place]:
                        cache[place] = self.num_names + add_string(
                            &self.news, text + place, strlen(text + place))
                words[starts[id] + j] = cache[place]

    cdef bint open_for(self, const uint32_t* words, const uint32_t* starts,
                       uint32_t id) noexcept nogil:
        """Say whether a type is compared by name: composites, enums, forwards, some typedefs.

        A typedef of an array is not: a variable of that type would lose its dimensions.
        """
        cdef uint32_t kind = kind_of(words[starts[id] + 1]), steps
        if words[starts[id]] == 0 or words[starts[id]] >= self.num_names:
            return False
        if is_composite(kind) or is_enum(kind) or kind == BTF_FWD:
            return True
        if kind != BTF_TYPEDEF:
            return False
        for steps in range(64):
            id = words[starts[id] + 2]
            kind = kind_of(words[starts[id] + 1]) if id else BTF_VOID
            if kind not in (BTF_TYPEDEF, BTF_CONST, BTF_VOLATILE, BTF_RESTRICT, BTF_TYPE_TAG):
                return kind != BTF_ARRAY
        return False

    cdef bint may_match(self, uint32_t kind, uint32_t other_kind) noexcept nogil:
        if is_enum(kind):
            return is_enum(other_kind)
        if kind == BTF_TYPEDEF:
            return other_kind == BTF_TYPEDEF
        return other_kind == BTF_FWD or is_composite(other_kind)

    cdef compare(self, const uint32_t[::1] words, const uint32_t[::1] starts):
        """Make and settle the pairs of all types that are compared by name."""
        cdef const uint32_t[::1] base_words = self.index.words
        cdef const uint32_t[::1] base_starts = self.index.starts
        cdef Pairs* p = &self.pairs
        cdef uint32_t id, other, i
        if base_words.shape[0] == 0:
            return
        p.own.words, p.own.starts = &words[0], &starts[0]
        p.other.words, p.other.starts = &base_words[0], &base_starts[0]
        with nogil:
            for id in range(1, self.num):
                if not self.open_for(p.own.words, p.own.starts, id) \
                        or is_outline(record(&p.own, id)):
                    continue
                other = u32s(&self.index.name_heads)[record(&p.own, id)[0]]
                while other:
                    if self.may_match(kind_in(&p.own, id), kind_in(&p.other, other)):
                        pair_of(p, id, other)
                    other = u32s(&self.index.name_nexts)[other]
            settle_pairs(p)
        if pairs_failed(p) or self.news.offsets.failed:
            raise MemoryError
        for i in range(1, <uint32_t>p.pairs.num):
            if pair_at(p, i).verdict == PAIR_EQUAL:
                self.tolerances[pair_at(p, i).tolerance] += 1

    cdef uint32_t by_outline(self, const uint32_t* own) noexcept nogil:
        """Return the base's type that an outline stands for, or 0."""
        cdef uint32_t other = u32s(&self.index.name_heads)[own[0]], kind
        cdef const uint32_t* words
        while other:
            words = record(&self.pairs.other, other)
            kind = kind_of(words[1])
            if words[2] == own[2] and not self.is_bare(words) \
                    and (kind == kind_of(own[1]) or (is_enum(kind) and is_enum(kind_of(own[1])))):
                return other
            other = u32s(&self.index.name_nexts)[other]
        return 0

    cdef bint is_bare(self, const uint32_t* words) noexcept nogil:
        """Say whether a record only declares its name."""
        return kind_of(words[1]) == BTF_FWD or (is_enum(kind_of(words[1])) and vlen_of(words[1]) == 0)

    cdef uint32_t by_name(self, uint32_t id, const uint8_t* defined, uint8_t* reason,
                          uint32_t* where) noexcept nogil:
        """Return the base's type for one that is compared by name, or 0 and why.

        A definition wants a definition. A declaration means the only definition of its name; if
        there are several, or some of our own that it does not mean, a declaration.
        """
        cdef Pairs* p = &self.pairs
        cdef const uint32_t* own = record(&p.own, id)
        cdef uint32_t other = u32s(&self.index.name_heads)[own[0]], found = 0, bare = 0
        cdef uint32_t definitions = 0
        cdef bint exact = False
        cdef Pair* pair
        reason[0] = NO_SUCH_NAME
        if is_outline(own):
            self.num_outlines += 1
            return self.by_outline(own)
        while other:
            if self.may_match(kind_of(own[1]), kind_in(&p.other, other)):
                pair = pair_at(p, pair_of(p, id, other))
                if pair.verdict != PAIR_EQUAL:
                    if reason[0] == NO_SUCH_NAME or reason[0] == ONLY_DECLARED:
                        reason[0] = DIFFERS if pair.verdict == PAIR_DIFFERS else REFERS_TO_NEW
                        where[0] = pair.where
                elif self.is_bare(record(&p.other, other)):
                    if bare == 0 or (kind_in(&p.other, bare) != kind_of(own[1])
                                     and kind_in(&p.other, other) == kind_of(own[1])):
                        bare = other
                    if reason[0] == NO_SUCH_NAME:
                        reason[0] = ONLY_DECLARED
                else:
                    definitions += 1
                    if found == 0 or (pair.tolerance == AS_IT_IS and not exact):
                        found = other
                        exact = pair.tolerance == AS_IT_IS
            other = u32s(&self.index.name_nexts)[other]
        if kind_of(own[1]) == BTF_FWD and (definitions != 1 or defined[own[0]]):
            return bare
        return found if found or not self.is_bare(own) else bare

    cdef uint32_t by_content(self, uint32_t id, const uint32_t* ids, uint8_t* reason,
                             uint32_t* where) noexcept nogil:
        """Return the base's type that says the same word for word, or 0 and why."""
        cdef const uint32_t* own = record(&self.pairs.own, id)
        cdef uint32_t kind = kind_of(own[1]), j, role
        cdef uint32_t length = self.pairs.own.starts[id + 1] - self.pairs.own.starts[id]
        self.record.num = 0
        reason[0] = NO_SUCH_TYPE
        for j in range(length):
            role = role_of(kind, j)
            if role == ROLE_NAME and own[j] >= self.num_names:
                reason[0] = NO_SUCH_NAME
                return 0
            if role == ROLE_NODE and own[j] and ids[own[j]] == 0:
                reason[0] = REFERS_TO_NEW
                where[0] = j
                return 0
            push_u32(&self.record, ids[own[j]] if role == ROLE_NODE else own[j])
        return self.index.find_content(u32s(&self.record), length)

    cdef settle(self, const uint32_t[::1] words, const uint32_t[::1] starts):
        """Find the match of every type, what it refers to first."""
        cdef uint32_t[::1] order = np.arange(1, self.num, dtype=np.uint32)
        cdef uint32_t[::1] alias = np.arange(self.num, dtype=np.uint32)
        cdef uint32_t[::1] children_first = np.zeros(self.num, np.uint32)
        cdef uint8_t[::1] state = np.zeros(self.num, np.uint8)
        cdef uint32_t[::1] stack = np.zeros(words.shape[0] + self.num + 1, np.uint32)
        cdef uint32_t[::1] ids = self.ids
        cdef uint8_t[::1] reasons = self.reasons
        cdef uint32_t[::1] wheres = self.wheres
        cdef uint8_t[::1] defined = np.zeros(self.num_names, np.uint8)
        cdef uint32_t id, kind
        cdef Py_ssize_t i
        self.pairs.own.words, self.pairs.own.starts = &words[0], &starts[0]
        if self.index.words.shape[0] == 0:
            self.reasons[1:] = NO_SUCH_TYPE
            return
        with nogil:
            sort_children_first(&words[0], &starts[0], &order[0], self.num - 1, &alias[0],
                                &state[0], &stack[0], &children_first[0])
            for id in range(1, self.num):
                if words[starts[id]] < self.num_names \
                        and is_composite(kind_of(words[starts[id] + 1])):
                    defined[words[starts[id]]] = True
            for id in range(1, self.num):
                if self.open_for(&words[0], &starts[0], id) \
                        and kind_of(words[starts[id] + 1]) != BTF_TYPEDEF:
                    ids[id] = self.by_name(id, &defined[0], &reasons[id], &wheres[id])
            for i in range(self.num - 1):
                id = children_first[i]
                kind = kind_of(words[starts[id] + 1])
                if ids[id] or reasons[id] or kind == BTF_VAR or kind == BTF_DATASEC:
                    continue
                ids[id] = self.by_content(id, &ids[0], &reasons[id], &wheres[id])
                if ids[id] == 0 and self.open_for(&words[0], &starts[0], id):
                    ids[id] = self.by_name(id, &defined[0], &reasons[id], &wheres[id])
            for id in range(1, self.num):
                if ids[id]:
                    reasons[id] = MATCHED

    def emit(self, const uint32_t[::1] order, const uint32_t[::1] new_ids, uint32_t first_id,
             uint32_t first_string):
        """Return the records of chosen types on top of the base, and the strings it lacks.

        Args:
            order: uint32[num_emitted], types in their new order; new_ids of these ascend.
            new_ids: uint32[num_types], the new id of each type that may be referred to.
            first_id: First id that is not the base's. An entry of a DATASEC whose VAR the base
                has is left out.
            first_string: Where the base's strings end.

        Returns:
            (uint32[num_words], bytes of strings).
        """
        cdef const uint32_t[::1] words = self.words
        cdef const uint32_t[::1] starts = self.starts
        cdef uint32_t[::1] news = np.zeros(self.news.offsets.num, np.uint32)
        cdef Array out, text
        cdef size_t at
        cdef uint32_t id, j, kind, role, word
        cdef Py_ssize_t i
        if not (array_init(&out, 4, 1024) and array_init(&text, 1, 1024)):
            raise MemoryError
        for i in range(order.shape[0]):
            id = order[i]
            kind = kind_of(words[starts[id] + 1])
            if kind == BTF_DATASEC:
                at = out.num
                self.emit_section(&words[starts[id]], &new_ids[0], first_id, &out)
                self.set_name(&out, at, words[starts[id]], news, first_string, &text)
                continue
            for j in range(starts[id + 1] - starts[id]):
                role = role_of(kind, j)
                word = words[starts[id] + j]
                push_u32(&out, new_ids[word] if role == ROLE_NODE else word)
                if role == ROLE_NAME:
                    self.set_name(&out, out.num - 1, word, news, first_string, &text)
        return taken(&out, np.uint32), taken(&text, np.uint8).tobytes()

    cdef void emit_section(self, const uint32_t* words, const uint32_t* new_ids,
                           uint32_t first_id, Array* out) noexcept nogil:
        """Write a DATASEC of the VARs that are new; its size is the end of the last."""
        cdef uint32_t i, count = 0, end = 0
        cdef size_t at = out.num
        push_u32(out, 0)
        push_u32(out, 0)
        push_u32(out, 0)
        for i in range(vlen_of(words[1])):
            if new_ids[words[3 + 3 * i]] < first_id:
                continue
            push_u32(out, new_ids[words[3 + 3 * i]])
            push_u32(out, words[4 + 3 * i])
            push_u32(out, words[5 + 3 * i])
            end = max(end, words[4 + 3 * i] + words[5 + 3 * i])
            count += 1
        u32s(out)[at + 1] = <uint32_t>BTF_DATASEC << 24 | count
        u32s(out)[at + 2] = end if count < vlen_of(words[1]) else words[2]

    cdef void set_name(self, Array* out, size_t at, uint32_t name, uint32_t[::1] news,
                       uint32_t first_string, Array* text) noexcept nogil:
        """Write the string offset of a name; one the base lacks is added on first use."""
        cdef uint32_t id
        cdef const char* new
        if name < self.num_names:
            u32s(out)[at] = name
            return
        id = name - self.num_names
        if news[id] == 0:
            news[id] = first_string + <uint32_t>text.num
            new = string_at(&self.news, id)
            while True:
                (<char*>push(text))[0] = new[0]
                if new[0] == 0:
                    break
                new += 1
        u32s(out)[at] = news[id]


cdef taken(Array* a, dtype):
    """Return a copy of an array's items and free it."""
    failed = a.failed
    found = np.empty(a.num, dtype)
    cdef uint8_t[::1] raw
    if a.num:
        raw = found.view(np.uint8)
        memcpy(&raw[0], a.items, a.num * a.item_size)
    array_deinit(a)
    if failed:
        raise MemoryError
    return found
