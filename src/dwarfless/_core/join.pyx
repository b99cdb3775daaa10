"""Write the joined and bound records out as one graph.

In:  the Stores of one program, through Joined and Bound.
Out: one graph of resolved records, and for functions and variables the record of their type.
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, strlen

from dwarfless._core.bindings cimport Bound
from dwarfless._core.ingest cimport FuncState, StateTag, Store, UnitNodes, VarState
from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.names cimport *
from dwarfless._core.radix cimport *
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

    cdef uint32_t put(self, uint32_t role, uint32_t word) noexcept nogil:
        if role == ROLE_NODE:
            return self.settled(word)
        return text_offset(self.names, word) if role == ROLE_NAME else word

    cdef uint32_t write_record(self, uint32_t* words, uint32_t length,
                               uint32_t* out) noexcept nogil:
        """Write one record, and return its length; an undefined cut is a forward declaration."""
        cdef uint32_t kind = kind_of(words[1]), j = 3
        cdef Roles roles
        out[0] = text_offset(self.names, words[0])
        if kind == NODE_CUT:
            out[1], out[2] = <uint32_t>BTF_FWD << 24, 0
            if vlen_of(words[1]) == CUT_ENUM:
                out[1], out[2] = <uint32_t>BTF_ENUM << 24, 4
            elif vlen_of(words[1]) == CUT_UNION:
                out[1] |= <uint32_t>1 << 31
            return 3
        roles = roles_of(kind)
        out[1] = words[1]
        out[2] = self.put(roles.third, words[2])
        while roles.stride and j + roles.stride <= length:
            out[j] = self.put(roles.first, words[j])
            out[j + 1] = self.put(roles.second, words[j + 1])
            if roles.stride == 3:
                out[j + 2] = words[j + 2]
            if roles.third == ROLE_PLAIN and roles.second == ROLE_NODE and words[j] \
                    and not is_identifier(self.names, words[j]):    # of a struct or union
                out[j] = 0
                self.num_bad_names += 1
            j += roles.stride
        while j < length:
            out[j] = self.put(role_of(kind, j), words[j])
            j += 1
        return length

    cdef emit(self):
        """Write all records, resolved; `order` lists those that are types in their own right."""
        cdef size_t num_base = num_nodes(self.nodes), num = num_base + self.copy_starts.num - 1
        cdef size_t i
        cdef uint64_t at = 0
        words_array = np.empty(self.nodes.words.num + self.copies.num + 3, np.uint32)
        starts_array = np.empty(num + 1, np.uint32)
        cdef uint32_t[::1] words = words_array
        cdef uint32_t[::1] starts = starts_array
        if not grow_zeroed(&self.live, num):
            raise MemoryError("out of memory while joining units")
        with nogil:
            for i in range(num):
                starts[i] = <uint32_t>at
                if i == 0:
                    continue
                if i < num_base:
                    at += self.write_record(node_at(self.nodes, i), node_length(self.nodes, i),
                                            &words[at])
                else:
                    at += self.write_record(
                        u32s(&self.copies) + u32s(&self.copy_starts)[i - num_base],
                        u32s(&self.copy_starts)[i - num_base + 1]
                        - u32s(&self.copy_starts)[i - num_base], &words[at])
            starts[num] = <uint32_t>at
        self.words = words_array[:at]
        self.starts = starts_array
        self.order = self.live_order(num_base, num)
        self.gather()

    cdef live_order(self, size_t num_base, size_t num):
        """Return live records, each where it was first met; cuts with a definition drop out."""
        cdef uint64_t[::1] firsts = np.empty(num, np.uint64)
        cdef uint32_t[::1] chosen = np.empty(num, np.uint32)
        cdef size_t i, count = 0
        for i in range(num):
            firsts[i] = node_of(self.nodes, i).first if i < num_base else NO_PLACE
            if i and self.live.items[i] and not (i < num_base and u32s(&self.baseline)[i]):
                chosen[count] = i
                count += 1
        self.firsts = np.asarray(firsts)
        return by_place(firsts, chosen[:count])

    cdef gather(self):
        """Copy the states of variables and functions out, in unit order."""
        cdef Store store
        cdef UnitNodes* unit
        cdef size_t place, num_vars = 0, num_funcs = 0, num_tags = 0
        for store in self.stores:
            num_vars += store.vars.num
            num_funcs += store.funcs.num
            num_tags += store.tags.num
        self.variables = np.empty(num_vars, VAR_STATE)
        self.functions = np.empty(num_funcs, FUNC_STATE)
        self.tags = np.empty(num_tags, STATE_TAG)
        cdef uint8_t[::1] vars_ = self.variables.view(np.uint8)
        cdef uint8_t[::1] funcs = self.functions.view(np.uint8)
        cdef uint8_t[::1] tags = self.tags.view(np.uint8)
        num_vars = num_funcs = num_tags = 0
        for place in range(self.places.num):
            store = self.stores[(<UnitPlace*>self.places.items)[place].store]
            unit = &(<UnitNodes*>store.units.items)[
                (<UnitPlace*>self.places.items)[place].index]
            if unit.end_tag > unit.first_tag:
                self.put_tags(store, unit, num_vars, num_funcs, <StateTag*>&tags[0] + num_tags)
                num_tags += unit.end_tag - unit.first_tag
            if unit.end_var > unit.first_var:
                self.put_vars(store, unit, <VarState*>&vars_[0] + num_vars)
                num_vars += unit.end_var - unit.first_var
            if unit.end_func > unit.first_func:
                self.put_funcs(store, unit, <FuncState*>&funcs[0] + num_funcs)
                num_funcs += unit.end_func - unit.first_func
        self.variables = self.variables[:num_vars]
        self.functions = self.functions[:num_funcs]
        self.tags = self.tags[:num_tags]
        self.strings = self.all_strings()

    cdef void put_vars(self, Store store, UnitNodes* unit, VarState* out) noexcept nogil:
        cdef uint32_t i
        for i in range(unit.first_var, unit.end_var):
            out[0] = (<VarState*>store.vars.items)[i]
            out.name = text_offset(self.names, out.name)
            out.file = text_offset(self.names, out.file)
            out.func = text_offset(self.names, out.func)
            out.node = self.settled(out.node)
            out += 1

    cdef void put_funcs(self, Store store, UnitNodes* unit, FuncState* out) noexcept nogil:
        cdef uint32_t i
        for i in range(unit.first_func, unit.end_func):
            out[0] = (<FuncState*>store.funcs.items)[i]
            out.name = text_offset(self.names, out.name)
            out.file = text_offset(self.names, out.file)
            out += 1

    cdef void put_tags(self, Store store, UnitNodes* unit, size_t first_var, size_t first_func,
                       StateTag* out) noexcept nogil:
        cdef uint32_t i
        for i in range(unit.first_tag, unit.end_tag):
            out[0] = (<StateTag*>store.tags.items)[i]
            out.value = text_offset(self.names, out.value)
            if out.of_func:
                out.state += <uint32_t>first_func - unit.first_func
            else:
                out.state += <uint32_t>first_var - unit.first_var
            out += 1

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


cdef inline uint32_t text_offset(Names* names, uint32_t name) noexcept nogil:
    """Return where a name stands in `strings`: a NUL, .debug_str, and what isn't in there."""
    cdef char space[4]
    cdef const char* text
    if name < NAME_SHORT:
        return name
    if name < NAME_OWN:
        text = text_of_name(names, name, space)
        name = add_string(&names.own, text, strlen(text))
    else:
        name -= NAME_OWN
    return names.pool.size + 1 + u32s(&names.own.offsets)[name]


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
        return by_place(self._firsts, np.ascontiguousarray(ids, np.uint32))


cdef by_place(const uint64_t[::1] firsts, const uint32_t[::1] ids):
    cdef size_t num = ids.shape[0], i
    cdef Keyed* items = <Keyed*>malloc((2 * num + 1) * sizeof(Keyed))
    if items == NULL:
        raise MemoryError
    sorted_array = np.empty(num, np.uint32)
    cdef uint32_t[::1] sorted_ = sorted_array
    for i in range(num):
        items[i].key, items[i].value = firsts[ids[i]], ids[i]
    sort_keyed(items, items + num, num)
    for i in range(num):
        sorted_[i] = <uint32_t>items[i].value
    free(items)
    return sorted_array


VAR_STATE = np.dtype([("address", "u8"), ("name", "u4"), ("node", "u4"), ("flags", "u4"),
                      ("file", "u4"), ("func", "u4")], align=True)
FUNC_STATE = np.dtype([("address", "u8"), ("name", "u4"), ("proto", "u4"), ("flags", "u4"),
                       ("file", "u4")], align=True)
STATE_TAG = np.dtype([("state", "u4"), ("value", "u4"), ("component", "i4"), ("of_func", "u4")])
