"""Write the joined and bound records out as one graph.

In:  the Stores of one program, through Joined and Bound.
Out: one graph of resolved records, and for functions and variables the record of their type.
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.string cimport memcpy, strlen

from dwarfless._core.bindings cimport Bound
from dwarfless._core.ingest cimport FuncState, StateTag, Store, UnitNodes, VarState
from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.names cimport *
from dwarfless._core.strings cimport *
from dwarfless._core.joined cimport UnitPlace


cdef class Emitted(Bound):
    """Joined, bound and written out, in the words of `Resolved`."""
    cdef object words, starts, variables, functions, tags, strings, order, firsts
    cdef size_t num_bad_names

    def __init__(self, list stores):
        super().__init__(stores)
        self.emit()

    cdef uint32_t settled(self, uint32_t node) noexcept nogil:
        """Return the record a reference ends at: a cut's baseline, or the cut itself."""
        cdef uint32_t definition
        if node < num_nodes(self.nodes):
            definition = u32s(&self.baseline)[node]
            if definition:
                return definition
        return node

    cdef uint32_t text_offset(self, uint32_t name) noexcept nogil:
        """Return where a name stands in `strings`: a NUL, .debug_str, and what isn't in there."""
        cdef char space[4]
        cdef const char* text
        if name < NAME_SHORT:
            return name
        if name < NAME_OWN:
            text = text_of_name(self.names, name, space)
            name = add_string(&self.names.own, text, strlen(text))
        else:
            name -= NAME_OWN
        return self.names.pool.size + 1 + u32s(&self.names.own.offsets)[name]

    cdef void write_record(self, uint32_t* words, uint32_t length, uint32_t* out,
                           uint64_t* at) noexcept nogil:
        """Write one record; a cut that nothing defines becomes a forward declaration."""
        cdef uint32_t kind = kind_of(words[1]), j, role
        if kind == NODE_CUT:
            out[at[0]] = self.text_offset(words[0])
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
                out[at[0] + j] = self.text_offset(words[j])
                if kind in (BTF_STRUCT, BTF_UNION) and j and words[j] \
                        and not is_identifier(self.names, words[j]):
                    out[at[0] + j] = 0
                    self.num_bad_names += 1
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
        cdef const uint32_t[::1] baseline = \
            <const uint32_t[:num_base]><const uint32_t*>self.baseline.items
        flags = np.asarray(live).copy()
        flags[:num_base][np.asarray(baseline) != 0] = 0
        flags[0] = 0
        where = np.full(num, np.iinfo(np.uint64).max, np.uint64)
        where[:num_base] = np.frombuffer(
            <const char[:num_base * sizeof(Node)]>self.nodes.nodes.items, np.uint64
        )[::sizeof(Node) // 8]
        self.firsts = where
        return by_place(where, np.flatnonzero(flags))

    cdef gather(self):
        """Copy the states of variables and functions out, in unit order."""
        cdef Store store
        cdef UnitPlace* p
        cdef UnitNodes* unit
        cdef size_t place
        cdef size_t num_vars = 0, num_funcs = 0
        # As bytes: numpy promotes the fields of each part of a concatenation, which took 0.1 s.
        variables = [np.empty(0, np.uint8)]
        functions = [np.empty(0, np.uint8)]
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
                variables.append(rows(&store.vars, unit.first_var, unit.end_var, np.uint8))
                num_vars += unit.end_var - unit.first_var
            if unit.end_func > unit.first_func:
                functions.append(rows(&store.funcs, unit.first_func, unit.end_func, np.uint8))
                num_funcs += unit.end_func - unit.first_func
        self.variables = np.concatenate(variables).view(VAR_STATE)
        self.functions = np.concatenate(functions).view(FUNC_STATE)
        self.tags = np.concatenate(tags)
        for states, columns in ((self.variables, ("name", "file", "func")),
                                (self.functions, ("name", "file")), (self.tags, ("value",))):
            for column in columns:
                states[column] = self.text_offsets(states[column])
        self.strings = self.all_strings()
        self.variables["node"] = self.settled_ids(self.variables["node"])

    cdef bytes all_strings(self):
        """Return a NUL, .debug_str, and what isn't in there."""
        cdef StringTable* own = &self.names.own
        cdef size_t size = self.names.pool.size
        cdef bytes strings = PyBytes_FromStringAndSize(NULL, 1 + size + own.bytes_.num)
        cdef char* out = strings
        out[0] = 0
        memcpy(out + 1, self.names.pool.text, size)
        memcpy(out + 1 + size, own.bytes_.items, own.bytes_.num)
        return strings

    cdef text_offsets(self, names):
        """Return where each name stands in `strings`."""
        cdef uint32_t[::1] offsets = np.ascontiguousarray(names)
        cdef Py_ssize_t i
        for i in range(offsets.shape[0]):
            offsets[i] = self.text_offset(offsets[i])
        return np.asarray(offsets)

    cdef settled_ids(self, nodes):
        """Return where each reference ends."""
        cdef uint32_t[::1] ids = np.ascontiguousarray(nodes)
        cdef Py_ssize_t i
        for i in range(ids.shape[0]):
            ids[i] = self.settled(ids[i])
        return np.asarray(ids)


class Resolved:
    """The joined graph. Node ids are record ids; record 0 is void.

    Attributes:
        words: uint32[...]: BTF records in wide form, with offsets into `strings` for names.
        starts: uint32[num_records + 1]: where each begins in words.
        order: uint32[...]: live records by where they were first met.
        variables, functions: structured arrays of VarState and FuncState, in unit order; `node`
            and `proto` are record ids; `name`, `file` (the unit's) and `func` (what a variable
            stands in) are offsets into `strings`.
        tags: decl tags of variables and functions, by index into those arrays.
        num_bad_names: members whose names are no identifiers and were left out, one a record.
        figures: How many names were ambiguous, units odd, records copied.
        strings: bytes: .debug_str and all other strings met, used or not.

    Of the stores it keeps nothing.
    """

    def __init__(self, list stores):
        cdef Emitted emitted = Emitted(stores)
        self.words = emitted.words
        self.starts = emitted.starts
        self.order = emitted.order
        self.variables = emitted.variables
        self.functions = emitted.functions
        self.tags = emitted.tags
        self.num_bad_names = emitted.num_bad_names
        self.figures = emitted.figures
        self.strings = emitted.strings
        self._firsts = emitted.firsts

    def by_place(self, ids):
        """Return record ids in the order in which the records were first met.

        Args:
            ids: integers[num_ids], ascending.
        """
        return by_place(self._firsts, ids)


cdef by_place(firsts, ids):
    return ids[np.argsort(firsts[ids], kind="stable")].astype(np.uint32)


cdef rows(Array* a, size_t first, size_t end, dtype):
    """Return a view of some items of an array of structs."""
    return np.frombuffer(<const char[:(end - first) * a.item_size]>(
        a.items + first * a.item_size), dtype)


VAR_STATE = np.dtype([("address", "u8"), ("name", "u4"), ("node", "u4"), ("flags", "u4"),
                      ("file", "u4"), ("func", "u4")], align=True)
FUNC_STATE = np.dtype([("address", "u8"), ("name", "u4"), ("proto", "u4"), ("flags", "u4"),
                       ("file", "u4")], align=True)
STATE_TAG = np.dtype([("state", "u4"), ("value", "u4"), ("component", "i4"), ("of_func", "u4")])
