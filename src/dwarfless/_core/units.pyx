"""The units of a program: which there are, where their sections are, and how to begin one.

In:  the debug sections of the files that make up a program.
Out: a Program: unit headers in file order, type signatures, skeletons' address tables.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, qsort
from libc.string cimport memrchr

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer

from dwarfless._core.declarations cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.program cimport *
from dwarfless._core.names cimport *

from mmap import mmap

from dwarfless.errors import DwarfError, UnsupportedError

SECTION_NAMES = (".debug_info", ".debug_types", ".debug_abbrev", ".debug_str", ".debug_line_str",
                 ".debug_str_offsets", ".debug_addr", ".debug_loc", ".debug_loclists",
                 ".debug_rnglists")


cdef class Buffer:
    """Holds the memory of one section."""
    cdef Py_buffer view
    cdef bint held

    def __cinit__(self, source):
        PyObject_GetBuffer(source, &self.view, PyBUF_SIMPLE)
        self.held = True

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    cdef bint is_mapped(self):
        """Tell whether the memory is that of a mapped file."""
        return isinstance(getattr(<object>self.view.obj, "obj", None), mmap)


cdef int by_signature(const void* a, const void* b) noexcept nogil:
    cdef uint64_t x = (<Signature*>a).signature, y = (<Signature*>b).signature
    return (x > y) - (x < y)


cdef class Program:
    """The debug sections of one program: files, units, type signatures.

    Args:
        files: A (name, buffers, alternate index or -1, is_split) each; buffers by SECTION_NAMES.
        little_endian: Byte order of all files.
        languages: DW_LANG numbers whose units are left out.
    """

    def __cinit__(self, files, bint little_endian, languages):
        cdef uint64_t base = 0
        cdef Py_ssize_t i
        prepare_heap()
        self.buffers = []
        self.names = [name for name, *_ in files]
        self.num_files = len(files)
        self.little_endian = little_endian
        self.num_left_languages = len(languages)
        for i, language in enumerate(languages):
            self.left_languages[i] = language
        self.files = <DebugFile*>calloc(self.num_files, sizeof(DebugFile))
        if self.files == NULL \
                or not array_init(&self.units, sizeof(UnitHeader), 4096) \
                or not array_init(&self.signatures, sizeof(Signature), 64) \
                or not array_init(&self.skeletons, sizeof(Skeleton), 64):
            raise MemoryError
        for i, (_, sections, alternate, is_split) in enumerate(files):
            base = self.add_file(i, sections, alternate, is_split, base)
        self.size = base
        if not pool_init(&self.pool, <const char*>self.files[0].sections[SEC_STR].start,
                         self.files[0].sections[SEC_STR].size):
            raise MemoryError
        for i in range(self.num_files):
            self.scan(i, False)
            self.scan(i, True)
        qsort(self.signatures.items, self.signatures.num, sizeof(Signature), by_signature)
        if any(file[3] for file in files):
            self.index_skeletons()

    def __dealloc__(self):
        pool_deinit(&self.pool)
        array_deinit(&self.units)
        array_deinit(&self.signatures)
        array_deinit(&self.skeletons)
        free(self.files)

    @property
    def num_units(self):
        """Units of all files."""
        return self.units.num

    @property
    def done(self):
        """Units taken by threads so far."""
        return min(self.next_unit, <uint64_t>self.units.num)

    def cancel(self):
        """Make running threads stop after their unit."""
        self.cancelled = True

    def make_room(self):
        """See to large pages for what the heap will grow by from now on."""
        extend_heap()

    def forget(self):
        """Give back the memory of what units were read from; names are not among that.

        It is still in the file, from which it would be read again. At the end of the process this
        takes as long, but then all wait for it.
        """
        cdef Buffer held
        cdef Py_ssize_t i, number
        cdef Section* section
        cdef size_t start, end
        for number, held in enumerate(self.buffers):
            i = number % NUM_SECTIONS
            section = &self.files[number // NUM_SECTIONS].sections[i]
            if not held.is_mapped() or i in (SEC_STR, SEC_LINE_STR):
                continue
            start = (<size_t>section.start + PAGE - 1) & ~<size_t>(PAGE - 1)
            end = (<size_t>section.start + section.size) & ~<size_t>(PAGE - 1)
            if start < end:
                with nogil:
                    madvise(<void*>start, end - start, MADV_DONTNEED)

    cdef bint is_left_out(self, uint32_t language) noexcept nogil:
        cdef uint32_t i
        for i in range(self.num_left_languages):
            if self.left_languages[i] == language:
                return True
        return False

    cdef uint64_t add_file(self, Py_ssize_t index, sections, int32_t alternate, bint is_split,
                           uint64_t base) except? 0:
        cdef DebugFile* file = &self.files[index]
        cdef Buffer held
        cdef int i
        cdef const void* nul
        for i in range(NUM_SECTIONS):
            held = Buffer(sections[i])
            self.buffers.append(held)
            file.sections[i].start = <const uint8_t*>held.view.buf
            file.sections[i].size = held.view.len
        for i in (SEC_STR, SEC_LINE_STR):  # what lies behind the last NUL can't be a string
            nul = memrchr(file.sections[i].start, 0, file.sections[i].size)
            file.sections[i].size = 0 if nul == NULL else \
                <const uint8_t*>nul - file.sections[i].start + 1
        file.swap = not self.little_endian
        file.alternate = alternate
        file.is_split = is_split
        file.info_base = base
        file.types_base = base + file.sections[SEC_INFO].size
        return file.types_base + file.sections[SEC_TYPES].size + 1

    cdef scan(self, Py_ssize_t index, bint in_types):
        """List the units of one section."""
        cdef DebugFile* file = &self.files[index]
        cdef Section* section = &file.sections[SEC_TYPES if in_types else SEC_INFO]
        cdef Cursor cur
        cdef UnitHeader* unit
        cdef UnitHeader header
        cdef Signature* signature
        cur.start = cur.pos = section.start
        cur.end = section.start + section.size
        cur.error = NULL
        cur.swap = file.swap
        while cur.pos < cur.end:
            header = UnitHeader(index, in_types, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
            header.start = cur.pos - cur.start
            read_header(&cur, &header, &file.sections[SEC_ABBREV], file)
            if cur.error != NULL:
                raise DwarfError(cur.error.decode(), source=self.names[index],
                                 section=SECTION_NAMES[SEC_TYPES if in_types else SEC_INFO],
                                 offset=cur.failed_at - cur.start)
            if not 2 <= header.version <= 5:
                raise UnsupportedError(
                    f"DWARF version {header.version}",
                    place=f"{self.names[index]}: .debug_info+{header.start:#x}")
            unit = <UnitHeader*>push(&self.units)
            unit[0] = header
            if header.unit_type in (DW_UT_type, DW_UT_split_type):
                signature = <Signature*>push(&self.signatures)
                signature.signature = header.signature
                signature.address = header.type_offset
        if self.units.failed or self.signatures.failed:
            raise MemoryError

    cdef index_skeletons(self):
        """Remember where each skeleton unit keeps the addresses of its .dwo."""
        cdef Reader reader
        cdef Values values
        cdef UnitHeader* unit
        cdef Skeleton* skeleton
        cdef size_t i
        reader_init(&reader, self.files, &self.signatures)
        if not abbrevs_init(&reader.abbrevs):
            raise MemoryError
        for i in range(self.units.num):
            unit = &(<UnitHeader*>self.units.items)[i]
            if self.files[unit.file].is_split:
                continue
            begin_unit(&reader, unit, &values, NULL)
            skeleton = <Skeleton*>push(&self.skeletons)
            skeleton.dwo_id = unit.signature if unit.unit_type == DW_UT_skeleton \
                else get(&values, S_DWO_ID, 0)
            skeleton.addr_base = reader.addr_base
        abbrevs_deinit(&reader.abbrevs)


cdef void read_header(Cursor* cur, UnitHeader* h, Section* abbrev, DebugFile* file) noexcept nogil:
    cdef uint64_t length, base = file.types_base if h.in_types else file.info_base
    h.offset_size = 4
    length = read_u32(cur)
    if length == MAX_U32:
        h.offset_size = 8
        length = read_u64(cur)
    elif length >= MAX_U32 - 15:
        fail(cur, b"unit length is reserved")
    if cur.error == NULL and length > <uint64_t>(cur.end - cur.pos):
        fail(cur, b"unit runs past the end of its section")
    if cur.error != NULL:
        return
    h.end = <uint64_t>(cur.pos - cur.start) + length
    cur.end = cur.start + h.end
    h.version = <uint8_t>min(read_u16(cur), <uint16_t>255)
    h.unit_type = DW_UT_type if h.in_types else DW_UT_compile
    if h.version >= 5:
        h.unit_type = read_u8(cur)
        h.address_size = read_u8(cur)
        h.abbrev_offset = read_sized(cur, h.offset_size)
        if h.unit_type in (DW_UT_skeleton, DW_UT_split_compile):
            h.signature = read_u64(cur)
    else:
        h.abbrev_offset = read_sized(cur, h.offset_size)
        h.address_size = read_u8(cur)
    if h.unit_type in (DW_UT_type, DW_UT_split_type):
        h.signature = read_u64(cur)
        h.type_offset = base + h.start + read_sized(cur, h.offset_size)
    if cur.error == NULL and 2 <= h.version <= 5:
        if h.abbrev_offset >= abbrev.size:
            fail(cur, b"abbreviation table lies outside .debug_abbrev")
        elif h.address_size not in (4, 8):
            fail(cur, b"address size is neither 4 nor 8")
    h.dies = cur.pos - cur.start
    if cur.error == NULL:
        cur.pos = cur.start + h.end
    cur.end = cur.start + file.sections[SEC_TYPES if h.in_types else SEC_INFO].size


cdef void reader_init(Reader* r, DebugFile* files, Array* signatures) noexcept:
    r.files = files
    r.signatures = <Signature*>signatures.items
    r.num_signatures = signatures.num
    r.missing_signatures = 0


cdef void begin_unit(Reader* r, UnitHeader* header, Values* v, Array* skeletons) noexcept nogil:
    """Set the reader to a unit and read the unit's own DIE into `v`; bases come first."""
    cdef Section* section
    cdef const uint8_t* first
    cdef Abbrev* abbrev
    cdef size_t i
    cdef int turn
    r.header = header[0]
    r.file = r.addr_file = &r.files[header.file]
    section = &r.file.sections[SEC_TYPES if header.in_types else SEC_INFO]
    r.section_base = r.file.types_base if header.in_types else r.file.info_base
    r.unit_base = r.section_base + header.start
    r.cur.start = section.start
    r.cur.pos = first = section.start + header.dies
    r.cur.end = section.start + header.end
    r.cur.error = NULL
    r.cur.swap = r.file.swap
    r.str_offsets_base = r.addr_base = r.loclists_base = 0
    if r.file.is_split and header.version >= 5:
        r.str_offsets_base = 8 if header.offset_size == 4 else 16
        r.loclists_base = 12 if header.offset_size == 4 else 20
    v.present = 0
    read_abbrevs(r)
    for turn in range(2):  # strings and addresses by index need the bases this same DIE gives
        r.cur.pos = first
        v.present = 0
        if r.cur.pos >= r.cur.end:
            return
        abbrev = find_abbrev(&r.abbrevs, read_uleb128(&r.cur))
        if abbrev == NULL:
            if r.cur.error == NULL and first[0] != 0:
                fail(&r.cur, b"abbreviation code is not in the unit's table")
            return
        run(r, <Op*>r.abbrevs.ops.items + abbrev.keep, abbrev.num_keep, v)
        if turn == 0:
            r.cur.error = NULL
            r.cur.end = section.start + header.end
            r.str_offsets_base = get(v, S_STR_OFFSETS_BASE, r.str_offsets_base)
            r.addr_base = get(v, S_ADDR_BASE, 0)
            r.loclists_base = get(v, S_LOCLISTS_BASE, r.loclists_base)
            if r.file.is_split and skeletons != NULL:
                r.addr_file = &r.files[0]
                for i in range(skeletons.num):
                    if (<Skeleton*>skeletons.items)[i].dwo_id == (
                            header.signature if header.version >= 5 else get(v, S_DWO_ID, 0)):
                        r.addr_base = (<Skeleton*>skeletons.items)[i].addr_base
                        break
    if not abbrev.has_children:
        r.cur.pos = r.cur.end
