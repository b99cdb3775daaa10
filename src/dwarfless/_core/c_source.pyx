"""Write types as C.

In:  a graph and ids of its types.
Out: definitions, each after all that it needs; declarations of variables and functions.

Source: what bpftool 7.8 writes, compared to the byte by tests/peers/test_header.py.
"""

from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memset, strncmp

from dwarfless._core.btf cimport (
    ARRAY, BTF_NUM_KINDS, ENUM, ENUM64, FUNC_PROTO, FWD, INT, PTR, STRUCT, TYPEDEF, UNION,
    btf_element, btf_element_ids, btf_fixed, btf_fixed_ids, btf_third_is_id, kind_of, record_of,
    text_of, vlen_of)
from dwarfless._core.c_define cimport declare, define_enum, define_members, put_keyword
from dwarfless._core.c_layout cimport is_modifier
from dwarfless._core.c_names cimport bucket_of, is_named, label, name_type
from dwarfless._core.c_order cimport order
from dwarfless._core.c_state cimport (
    FORWARDED, REFERENCED, Source, WRITING, WRITTEN, complain, enter, leave, source_deinit,
    source_init)
from dwarfless._core.memory cimport u32s
from dwarfless._core.records cimport GraphArrays
from dwarfless._core.text cimport put, put_bytes


cdef void mark_referenced(Source* s, uint32_t end_id) noexcept nogil:
    """Mark every type that a type below `end_id` refers to."""
    cdef const uint32_t* record
    cdef const uint32_t* element
    cdef uint32_t type_id, kind, i, j
    for type_id in range(1, end_id):
        record = record_of(s.chain, type_id)
        kind = kind_of(record[1])
        if kind >= BTF_NUM_KINDS:
            continue
        if btf_third_is_id[kind]:
            s.marks[record[2]] |= REFERENCED
        for j in range(btf_fixed[kind]):
            if btf_fixed_ids[kind] >> j & 1:
                s.marks[record[3 + j]] |= REFERENCED
        if btf_element_ids[kind]:
            element = record + 3 + btf_fixed[kind]
            for i in range(vlen_of(record[1])):
                for j in range(btf_element[kind]):
                    if btf_element_ids[kind] >> j & 1:
                        s.marks[element[j]] |= REFERENCED
                element += btf_element[kind]


cdef void end_definition(Source* s) noexcept nogil:
    put(&s.text, b";\n\n")


cdef void put_alias(Source* s, uint32_t name) noexcept nogil:
    """Define the types of polynomials that GCC for Arm has built in, and Clang has not."""
    if name == 0 or strncmp(text_of(s.chain, name), b"__Poly", 6) != 0:
        return
    if is_named(s, name, b"__Poly8_t"):
        put(&s.text, b"typedef unsigned char __Poly8_t;\n\n")
    elif is_named(s, name, b"__Poly16_t"):
        put(&s.text, b"typedef unsigned short __Poly16_t;\n\n")
    elif is_named(s, name, b"__Poly64_t"):
        put(&s.text, b"typedef unsigned long long __Poly64_t;\n\n")
    elif is_named(s, name, b"__Poly128_t"):
        put(&s.text, b"typedef unsigned __int128 __Poly128_t;\n\n")


cdef void define_typedef(Source* s, uint32_t type_id, const uint32_t* record) noexcept nogil:
    """Compilers have __builtin_va_list; old ones say that __gnuc_va_list is void."""
    if is_named(s, record[0], b"__builtin_va_list"):
        return
    if record[2] == 0 and is_named(s, record[0], b"__gnuc_va_list"):
        put(&s.text, b"typedef __builtin_va_list __gnuc_va_list")
    else:
        put(&s.text, b"typedef ")
        declare(s, record[2], name_type(s, type_id), 0)
    end_definition(s)


cdef void announce(Source* s, uint32_t type_id, const uint32_t* record) noexcept nogil:
    """Put a forward declaration."""
    put_keyword(s, type_id, record)
    end_definition(s)
    s.marks[type_id] |= FORWARDED


cdef void provide(Source* s, uint32_t type_id, uint32_t user) noexcept nogil:
    """Write what must stand before a use of a type.

    Args:
        s: Takes the text.
        type_id: The type.
        user: The named type inside which it is used, or 0: then all of it is to be written.
    """
    cdef const uint32_t* record
    cdef uint32_t kind, i
    if s.marks[type_id] & WRITTEN:
        return
    record = record_of(s.chain, type_id)
    kind = kind_of(record[1])
    if s.marks[type_id] & WRITING:
        if not s.marks[type_id] & FORWARDED:
            provide_under_way(s, type_id, user, record, kind)
        return
    if not enter(s, type_id):
        return
    if kind == PTR or is_modifier(kind):
        provide(s, record[2], user)
    elif kind == ARRAY:
        provide(s, record[3], user)
    elif kind == STRUCT or kind == UNION:
        provide_members(s, type_id, user, record)
    elif kind == TYPEDEF:
        s.marks[type_id] |= WRITING
        provide(s, record[2], type_id)
        if not s.marks[type_id] & FORWARDED:
            define_typedef(s, type_id, record)
        s.marks[type_id] |= WRITTEN
    elif kind == FUNC_PROTO:
        provide(s, record[2], user)
        for i in range(vlen_of(record[1])):
            provide(s, record[4 + 2 * i], user)
            if s.problem != NULL:
                break
    else:
        provide_leaf(s, type_id, user, record, kind)
    leave(s)


cdef void provide_under_way(Source* s, uint32_t type_id, uint32_t user, const uint32_t* record,
                            uint32_t kind) noexcept nogil:
    """Write what a pointer to a type needs that is being written further up."""
    if kind == TYPEDEF:
        define_typedef(s, type_id, record)
        s.marks[type_id] |= FORWARDED
    elif (kind == STRUCT or kind == UNION) and type_id != user:
        if record[0] == 0:
            complain(s, b"it has no name and holds itself", type_id)
        else:
            announce(s, type_id, record)


cdef void provide_members(Source* s, uint32_t type_id, uint32_t user,
                          const uint32_t* record) noexcept nogil:
    cdef uint32_t i
    s.marks[type_id] |= WRITING
    if user == 0 or record[0] == 0:
        for i in range(vlen_of(record[1])):
            provide(s, record[4 + 3 * i], type_id if record[0] else user)
            if s.problem != NULL:
                return
    elif not s.marks[type_id] & FORWARDED and type_id != user:
        announce(s, type_id, record)
    if user == 0:
        define_members(s, type_id, record, 0)
        end_definition(s)
        s.marks[type_id] |= WRITTEN
    s.marks[type_id] &= ~WRITING


cdef void provide_leaf(Source* s, uint32_t type_id, uint32_t user, const uint32_t* record,
                       uint32_t kind) noexcept nogil:
    s.marks[type_id] |= WRITTEN
    if kind == INT:
        put_alias(s, record[0])
    elif kind == FWD:
        put_keyword(s, type_id, record)
        end_definition(s)
    elif user == 0 and (kind == ENUM or kind == ENUM64):
        define_enum(s, type_id, record, 0)
        end_definition(s)


cdef void write_type(Source* s, uint32_t type_id) noexcept nogil:
    """Write a type, and before it all that it needs and that is not written yet."""
    cdef size_t i
    s.queue.num = 0
    order(s, type_id, False)
    if s.queue.failed:
        complain(s, b"the queue fits no memory", type_id)
    for i in range(s.queue.num):
        if s.problem != NULL:
            return
        provide(s, u32s(&s.queue)[i], 0)


class NotInC(Exception):
    """A type that can't be written; arguments: its id, what is wrong with it."""


cdef class CSource:
    """Text in C that grows type by type; a type is written once.

    Args:
        arrays: The graph; its kinds are known ones.
        pointer_size: 4 or 8 bytes.
        limit: Bytes that the text may have.
        steps: Types and members that may be looked at.
        end_id: Types below it tell which anonymous enums something refers to.
        repair: Whether to write what compilers lay out right, where bpftool's text does not.
    """

    cdef Source source
    cdef GraphArrays arrays

    def __cinit__(self, GraphArrays arrays, uint32_t pointer_size, size_t limit, int64_t steps,
                  uint32_t end_id, bint repair):
        memset(&self.source, 0, sizeof(Source))
        self.arrays = arrays
        if not source_init(&self.source, &arrays.chain, pointer_size, limit, steps):
            raise MemoryError("the types fit no memory")
        self.source.repair = repair
        mark_referenced(&self.source, end_id)

    def __dealloc__(self):
        source_deinit(&self.source)

    def write(self, const uint32_t[::1] ids):
        """Write types, each after what it needs.

        Args:
            ids: uint32[any], each below the graph's length.

        Raises:
            NotInC: A type can't be written.
        """
        cdef Py_ssize_t i
        for i in range(ids.shape[0]):
            if ids[i] >= self.source.num:
                raise IndexError(f"type {ids[i]} is not in the graph")
        with nogil:
            for i in range(ids.shape[0]):
                write_type(&self.source, ids[i])
                if self.source.problem != NULL:
                    break
        self.check()

    def put(self, bytes part):
        """Add text."""
        put_bytes(&self.source.text, part, len(part))

    def prepare(self, uint32_t type_id):
        """Write what must stand before a declaration with a type.

        Raises:
            NotInC: A type can't be written.
        """
        if type_id >= self.source.num:
            raise IndexError(f"type {type_id} is not in the graph")
        write_type(&self.source, type_id)
        # As if a type used it that there is not: what it points to is announced.
        provide(&self.source, type_id, self.source.num)
        self.check()

    def declare(self, uint32_t type_id, uint32_t name):
        """Write the declaration of a thing of some type, as `int *a[2]`, without a semicolon.

        Args:
            type_id: A type.
            name: String offset of the thing's name.

        Raises:
            NotInC: A type can't be written.
        """
        if type_id >= self.source.num:
            raise IndexError(f"type {type_id} is not in the graph")
        declare(&self.source, type_id, label(name, 1), 0)
        self.check()

    def taken(self, uint32_t name):
        """Tell whether a typedef or an enumerator of what is written has a name (its offset)."""
        return self.source.identifiers.offsets[bucket_of(
            &self.source, &self.source.identifiers, text_of(self.source.chain, name))] != 0

    def number(self, uint32_t type_id):
        """Return the how manieth of its name a type is; 0 if it has none or isn't written."""
        if type_id >= self.source.num:
            raise IndexError(f"type {type_id} is not in the graph")
        return self.source.numbers[type_id]

    def check(self):
        """Raise NotInC if something is wrong."""
        if self.source.problem != NULL:
            raise NotInC(self.source.culprit, self.source.problem.decode())
        if self.source.text.full:
            raise NotInC(0, "the text grows out of all proportion")

    def take(self):
        """Return the text since the last call."""
        cdef bytes found = b""
        if self.source.text.used:
            found = self.source.text.start[:self.source.text.used]
            self.source.text.used = 0
        return found
