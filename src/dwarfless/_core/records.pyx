"""Index a type section, and find types by name.

In:  the words of a type section in host byte order, untrusted.
Out: where each record starts; everything later loops rely on is checked here, once.
"""

from cpython.array cimport array as CArray, clone, resize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport strcmp

from dwarfless._core.btf cimport (
    BTF_MAX_LEVELS, BTF_NUM_KINDS, Chain, Level, btf_element, btf_element_ids, btf_element_names,
    btf_fixed, btf_fixed_ids, btf_third_is_id, kind_of, record_of, text_of, vlen_of)

from array import array

from dwarfless.errors import BtfError, LimitError

cdef uint8_t UNKNOWN = 0xFF     # no record has so many words: the layout section counts bytes

cdef uint64_t NO_END = <uint64_t>1 << 32

cdef CArray NO_WORDS = array("I")     # of what clone() makes

cdef struct Walk:
    const uint32_t* words
    uint64_t num_words
    uint8_t fixed[128]          # words by kind, or UNKNOWN
    uint8_t element[128]
    uint32_t max_id             # the largest id and string offset met
    uint32_t max_string
    uint64_t at                 # where the walk stopped
    const char* error


cdef void set_shapes(Walk* walk, dict extra):
    cdef int kind
    for kind in range(128):
        walk.fixed[kind] = walk.element[kind] = UNKNOWN
        if 0 < kind < BTF_NUM_KINDS:
            walk.fixed[kind] = btf_fixed[kind]
            walk.element[kind] = btf_element[kind]
        elif kind in extra:
            walk.fixed[kind], walk.element[kind] = extra[kind]


cdef inline void note_references(Walk* walk, const uint32_t* record, uint32_t kind,
                                 uint32_t vlen) noexcept nogil:
    """Raise max_id and max_string to what a known kind's record holds."""
    cdef uint32_t max_id = walk.max_id, max_string = walk.max_string
    cdef uint32_t i, step = btf_element[kind]
    cdef const uint32_t* element = record + 3 + btf_fixed[kind]
    cdef uint32_t id_at = btf_element_ids[kind] >> 1      # mask 1 is word 0, mask 2 is word 1
    max_string = max(max_string, record[0])
    if btf_third_is_id[kind]:
        max_id = max(max_id, record[2])
    if btf_fixed_ids[kind]:
        max_id = max(max_id, max(record[3], record[4]))
    if step:
        if btf_element_ids[kind]:
            for i in range(vlen):
                max_id = max(max_id, element[<uint64_t>i * step + id_at])
        if btf_element_names[kind]:
            for i in range(vlen):
                max_string = max(max_string, element[<uint64_t>i * step])
    walk.max_id, walk.max_string = max_id, max_string


cdef uint32_t walk_records(Walk* walk, uint32_t* offsets, uint64_t end_id,
                           uint64_t end_string) noexcept nogil:
    """Note where records start; stop at the first that refers past an end."""
    cdef uint64_t at = 0, size
    cdef uint32_t count = 0, kind, vlen
    while at < walk.num_words:
        walk.at = at
        if walk.num_words - at < 3:
            walk.error = b"a type record is cut short"
            return count
        kind, vlen = kind_of(walk.words[at + 1]), vlen_of(walk.words[at + 1])
        if walk.fixed[kind] == UNKNOWN:
            walk.error = b"unknown kind"
            return count
        size = 3 + walk.fixed[kind] + <uint64_t>vlen * walk.element[kind]
        if size > walk.num_words - at:
            walk.error = b"a type record runs past the type section"
            return count
        if kind < BTF_NUM_KINDS:
            note_references(walk, walk.words + at, kind, vlen)
        else:
            walk.max_string = max(walk.max_string, walk.words[at])
        if walk.max_id >= end_id or walk.max_string >= end_string:
            return count
        offsets[count] = <uint32_t>at
        count += 1
        at += size
    walk.at = at
    offsets[count] = <uint32_t>at
    return count


def index_types(const uint32_t[::1] words, dict extra, uint32_t first_id, uint32_t end_string, *,
                str source, Py_ssize_t place):
    """Return where each record starts, after checking all that later loops rely on.

    Args:
        words: Type section, uint32[num_words], host byte order.
        extra: Kind number above the known ones -> (fixed words, words an element).
        first_id: Id of the first record.
        end_string: One past the largest string offset.
        source: Path for errors.
        place: Byte offset of the type section in .BTF, for errors.

    Returns:
        uint32[num_types + 1]: word index of each record, and of the end.

    Raises:
        BtfError: A record is cut short or of unknown kind; an id or a string is out of range.

    Cost: one pass, 0.6 ns a byte.
    """
    cdef Walk walk
    cdef Py_ssize_t num_words = words.shape[0]
    if num_words >= 1 << 32:
        raise LimitError("type section < 16 GiB", num_words * 4)
    cdef CArray offsets = clone(NO_WORDS, num_words // 3 + 1, zero=False)
    cdef uint32_t* out = <uint32_t*>offsets.data.as_uints
    walk.words = &words[0] if num_words else NULL
    walk.num_words = num_words
    walk.max_id = walk.max_string = 0
    walk.error = NULL
    set_shapes(&walk, extra)
    cdef uint32_t count
    with nogil:
        count = walk_records(&walk, out, NO_END, NO_END)
    cdef uint64_t stopped = walk.at
    cdef const char* error = walk.error
    if error != NULL:
        what = error.decode()
        if what == "unknown kind":
            what += f" {kind_of(words[stopped + 1])} that no layout section describes"
        raise BtfError(f"{what} (type {first_id + count})", source=source, section=".BTF",
                       offset=place + 4 * stopped)
    if walk.max_id >= first_id + count or walk.max_string >= end_string:
        raise out_of_range(&walk, out, first_id, first_id + count, end_string, source, place)
    resize(offsets, count + 1)
    return offsets


cdef object out_of_range(Walk* walk, uint32_t* offsets, uint32_t first_id, uint32_t end_id,
                         uint32_t end_string, source, place):
    """Walk again up to the first bad reference, and say what is wrong there."""
    walk.max_id = walk.max_string = 0
    cdef uint32_t count = walk_records(walk, offsets, end_id, end_string)
    if walk.max_id >= end_id:
        problem = f"type {first_id + count} refers to type {walk.max_id}, past the last type"
    else:
        problem = f"type {first_id + count} has a string at {walk.max_string:#x}, " \
                  "past the string section"
    return BtfError(problem, source=source, section=".BTF", offset=place + 4 * walk.at)


cdef uint64_t note_positions(const uint32_t[::1] words, const uint32_t[::1] offsets,
                             uint32_t* out) noexcept nogil:
    """Write the word index of each id; with NULL, only count them."""
    cdef uint64_t count = 0, at
    cdef uint32_t kind, i
    cdef Py_ssize_t index
    for index in range(offsets.shape[0] - 1):
        at = offsets[index]
        kind = kind_of(words[at + 1])
        if kind >= BTF_NUM_KINDS:
            continue
        if btf_third_is_id[kind]:
            if out != NULL:
                out[count] = <uint32_t>(at + 2)
            count += 1
        if btf_fixed_ids[kind]:
            if out != NULL:
                out[count], out[count + 1] = <uint32_t>(at + 3), <uint32_t>(at + 4)
            count += 2
        if btf_element_ids[kind]:
            at += 3 + btf_fixed[kind] + (btf_element_ids[kind] >> 1)
            for i in range(vlen_of(words[offsets[index] + 1])):
                if out != NULL:
                    out[count] = <uint32_t>(at + <uint64_t>i * btf_element[kind])
                count += 1
    return count


def id_positions(const uint32_t[::1] words, const uint32_t[::1] offsets):
    """Return the word index of each type id in the records, ascending, uint32[num_ids].

    Args:
        words: Type section that went through index_types.
        offsets: What index_types returned.
    """
    import numpy as np

    positions = np.empty(note_positions(words, offsets, NULL), np.uint32)
    cdef uint32_t[::1] out = positions
    if out.shape[0]:
        note_positions(words, offsets, &out[0])
    return positions


cdef class GraphArrays:
    """A graph and its bases as C arrays.

    Args:
        words: uint32[num_words], went through index_types.
        offsets: uint32[num_types + 1], from index_types.
        strings: Own string section; empty, or its last byte is NUL.
        base: The same of the base graph, or None.
    """

    def __init__(self, const uint32_t[::1] words, const uint32_t[::1] offsets, bytes strings,
                 GraphArrays base):
        cdef Level* level = &self.chain.levels[0]
        cdef int i
        self.keep = (words, offsets, strings, base)
        self.chain.num = 1
        level.words = &words[0] if words.shape[0] else NULL
        level.offsets = &offsets[0]
        level.strings = strings
        level.first_id, level.first_string = 1, 0
        if base is not None:
            if base.chain.num == BTF_MAX_LEVELS:
                raise LimitError(f"levels of split BTF <= {BTF_MAX_LEVELS}", BTF_MAX_LEVELS + 1)
            for i in range(base.chain.num):
                self.chain.levels[i + 1] = base.chain.levels[i]
            self.chain.num = base.chain.num + 1
            level.first_id = base.chain.levels[0].end_id
            level.first_string = base.chain.levels[0].end_string
        level.end_id = level.first_id + <uint32_t>(offsets.shape[0] - 1)
        level.end_string = level.first_string + <uint32_t>len(strings)

    def find_kind(self, uint32_t kind):
        """Return the ids of own types of a kind, ascending.

        Cost: 0.2 ms on 125,000 types.
        """
        cdef const Level* own = &self.chain.levels[0]
        cdef uint32_t type_id
        return [type_id for type_id in range(own.first_id, own.end_id)
                if kind_of(record_of(&self.chain, type_id)[1]) == kind]

    def largest_kind(self):
        """Return the largest kind number of own types, 0 without any."""
        cdef const Level* own = &self.chain.levels[0]
        cdef uint32_t type_id, largest = 0
        for type_id in range(own.first_id, own.end_id):
            largest = max(largest, kind_of(record_of(&self.chain, type_id)[1]))
        return largest

    def find_entry(self, uint32_t section_id, uint32_t var_id):
        """Return the index of a variable in an own section, -1 if it is not there."""
        cdef const uint32_t* record = record_of(&self.chain, section_id)
        cdef uint32_t i
        for i in range(vlen_of(record[1])):
            if record[3 + 3 * <uint64_t>i] == var_id:
                return i
        return -1

    def find_enumerators(self, bytes name, uint32_t kinds):
        """Return (id of the enum, index in it) of own enumerators with that name, ascending.

        Args:
            name: Without its NUL.
            kinds: Bit k set: types of kind k are enums.

        Cost: 0.5 ms on 125,000 types.
        """
        cdef const Level* own = &self.chain.levels[0]
        cdef const uint32_t* record
        cdef uint32_t type_id, kind, i
        cdef const char* wanted = name
        cdef list found = []
        for type_id in range(own.first_id, own.end_id):
            record = record_of(&self.chain, type_id)
            kind = kind_of(record[1])
            if kind >= BTF_NUM_KINDS or not kinds >> kind & 1:
                continue
            for i in range(vlen_of(record[1])):
                if strcmp(text_of(&self.chain, record[3 + btf_element[kind] * <uint64_t>i]),
                          wanted) == 0:
                    found.append((type_id, i))
        return found

    def find(self, bytes name, uint32_t kinds):
        """Return the ids of own types with that name, ascending.

        Args:
            name: Without its NUL; not empty.
            kinds: Bit k set: a type of kind k may match.

        Cost: 1 ms on 125,000 types; from the eighth call on a table answers in a microsecond,
            which takes 4 ms to make.
        """
        self.lookups += 1
        if self.names is None and self.lookups >= 8:
            self.names = NameTable(self)
        if self.names is not None:
            return (<NameTable>self.names).find(&self.chain, name, kinds)
        return scan(&self.chain, name, kinds)


cdef inline bint matches(const Chain* chain, uint32_t type_id, const char* name,
                         uint32_t kinds) noexcept nogil:
    cdef const uint32_t* record = record_of(chain, type_id)
    cdef uint32_t kind = kind_of(record[1])
    return (kind < 32 and kinds >> kind & 1 and record[0]
            and strcmp(text_of(chain, record[0]), name) == 0)


cdef list scan(const Chain* chain, bytes name, uint32_t kinds):
    cdef const Level* own = &chain.levels[0]
    cdef const char* wanted = name
    cdef uint32_t type_id = own.first_id
    cdef list found = []
    while True:
        with nogil:
            while type_id < own.end_id and not matches(chain, type_id, wanted, kinds):
                type_id += 1
        if type_id >= own.end_id:
            return found
        found.append(type_id)
        type_id += 1


cdef inline uint32_t hash_name(const char* text) noexcept nogil:
    """FNV-1a of the first 512 bytes: a thousand types may share a string of a megabyte."""
    cdef uint32_t value = 2166136261u
    cdef const char* end = text + 512
    while text[0] and text != end:
        value = (value ^ <uint8_t>text[0]) * 16777619u
        text += 1
    return value ^ value >> 15


cdef class NameTable:
    """Own named types by the hash of their name; chains ascend by id."""

    cdef uint32_t[::1] heads     # bucket -> id or 0
    cdef uint32_t[::1] nexts     # own type -> next id in the bucket or 0
    cdef uint32_t mask

    def __init__(self, GraphArrays arrays):
        cdef const Chain* chain = &arrays.chain
        cdef const Level* own = &chain.levels[0]
        cdef uint32_t type_id, name, bucket, size = 1
        while size < own.end_id - own.first_id:
            size *= 2
        self.heads = clone(NO_WORDS, size, zero=True)
        self.nexts = clone(NO_WORDS, own.end_id - own.first_id + 1, zero=True)
        self.mask = size - 1
        with nogil:
            type_id = own.end_id
            while type_id > own.first_id:
                type_id -= 1
                name = record_of(chain, type_id)[0]
                if name:
                    bucket = hash_name(text_of(chain, name)) & self.mask
                    self.nexts[type_id - own.first_id] = self.heads[bucket]
                    self.heads[bucket] = type_id

    cdef list find(self, const Chain* chain, bytes name, uint32_t kinds):
        cdef const char* wanted = name
        cdef uint32_t type_id = self.heads[hash_name(wanted) & self.mask]
        cdef list found = []
        while type_id:
            if matches(chain, type_id, wanted, kinds):
                found.append(type_id)
            type_id = self.nexts[type_id - chain.levels[0].first_id]
        return found


def shapes():
    """Return what btf.pxd holds: a tuple of the six figures a kind, for the test."""
    return [(btf_fixed[k], btf_element[k], btf_third_is_id[k], btf_fixed_ids[k],
             btf_element_ids[k], btf_element_names[k]) for k in range(BTF_NUM_KINDS)]
