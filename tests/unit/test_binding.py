"""The note that ties an extra to its kernel: written, read, damaged, checked against bases."""

import contextlib
import os
import random
import struct
from dataclasses import replace
from pathlib import Path

import pytest

import dwarfless
from build import elf
from build.elf import Elf, Section, note
from dwarfless import BaseMismatchError, DwarflessError, ElfError, GraphBuilder, TypeGraph
from dwarfless.containers.bind import bind, identify_file
from dwarfless.containers.binding import Binding, BoundSection
from dwarfless.containers.choice import format_of
from dwarfless.containers.load import load, read_binding
from dwarfless.containers.write import encode_container, write_btf
from dwarfless.elf.headers import Layout
from dwarfless.elf.image import ElfImage
from dwarfless.formats.btf import Kind

DIGEST = "0123456789abcdef" * 4
LAYOUTS = [Layout(wide, little) for wide in (False, True) for little in (False, True)]
BINDING = Binding(
    release="6.12.1",
    build_id="ab" * 20,
    bases=(DIGEST, "ff" * 32),
    sections=(
        BoundSection(".data", 0xFFFFFFFF82C00000, 0x2728C0),
        BoundSection(".data..percpu", 0, 0x39000, per_cpu=True, fixed=True),
    ),
)


def small_base(name: str = "int") -> TypeGraph:
    """Return a graph of one type, as read from bytes."""
    builder = GraphBuilder()
    builder.add_int(name, 4)
    return dwarfless.decode(dwarfless.encode(builder.freeze()), source=f"{name}.btf")


def small_extra(base: TypeGraph) -> TypeGraph:
    """Return a graph that adds a variable to a base."""
    builder = GraphBuilder(base)
    pointer = builder.add_reference(Kind.PTR, 1)
    var = builder.add_var("v", pointer)
    builder.add_datasec(".data", 16, [(var, 8, 8)])
    return builder.freeze()


def spelled_out(order: str) -> bytes:
    """Return the note of a binding byte by byte, as docs/containers.md says."""
    strings = b"\0" + b"6.12.1\0" + b"xfs\0" + b".data\0"
    header = struct.pack(order + "8I", 1, 1, 1, len(strings), 1, 8, 20, 2)
    section = struct.pack(order + "QQII", 0xFFFFFFFF82C00000, 0x1000, 12, 1 | 4)
    content = header + bytes.fromhex(DIGEST) + section + b"\xab" * 20 + b"\xcd" * 2 + strings
    return note(b"dwarfless", 0x425446, content, order)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_note_is_as_documented(layout):
    """Both ways, in either byte order."""
    binding = Binding(
        layout=layout,
        machine=40,
        release="6.12.1",
        build_id="ab" * 20,
        module="xfs",
        module_build_id="cdcd",
        bases=(DIGEST,),
        sections=(BoundSection(".data", 0xFFFFFFFF82C00000, 0x1000, per_cpu=True, relative=True),),
    )
    expected = spelled_out(layout.order)
    assert binding.to_section().content == expected
    found = Binding.read(expected, layout=layout, machine=40, source="x")
    assert found == binding


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_container_holds_all(layout, tmp_path):
    """BTF and binding come back; the ELF header is the program's."""
    base = small_base()
    extra = small_extra(base)
    binding = replace(BINDING, layout=layout, machine=22, bases=(base.digest,))
    path = tmp_path / "extra"
    size = write_btf(path, extra, binding=binding)
    assert path.stat().st_size == size
    assert read_binding(path) == binding
    assert [view.kind_name for view in load(path, base=base)] == ["PTR", "VAR", "DATASEC"]
    image = ElfImage.load(path)
    assert (image.layout, image.machine) == (layout, 22)
    btf = image.section_bytes(image.section_names.index(".BTF"))
    assert int.from_bytes(btf[:2], "little" if layout.little_endian else "big") == 0xEB9F


def test_the_build_id_is_that_of_the_content():
    """Equal content, equal bytes; anything else changes the build-id."""
    btf = dwarfless.encode(small_base())
    one, two = (encode_container(btf, BINDING) for _ in range(2))
    assert one == two
    other = encode_container(btf, replace(BINDING, release="6.12.2"))
    build_ids = {ElfImage.of_bytes(content).build_id for content in (one, other)}
    assert len(build_ids) == 2
    assert None not in build_ids


def test_the_path_chooses_the_format(tmp_path, capfdbinary):
    """By its suffix, unless told; what is no file gets raw BTF."""
    os.mkfifo(tmp_path / "pipe")
    names = ["a.btf", "vmlinux.BTF", "-", tmp_path / "pipe", "/dev/full"]
    assert {format_of(name) for name in names} == {"raw"}
    assert {format_of(name) for name in ("a", "a.elf", "a.btf.1")} == {"elf"}
    assert {format_of(name) for name in ("x.ko", "x.ko.xz")} == {"module"}
    base = small_base()
    raw = dwarfless.encode(base)
    write_btf(tmp_path / "a.btf", base)
    write_btf(tmp_path / "b", base, format="raw")
    write_btf(tmp_path / "c.btf", base, format="elf")
    write_btf("-", base)
    assert (tmp_path / "a.btf").read_bytes() == (tmp_path / "b").read_bytes() == raw
    assert capfdbinary.readouterr().out == raw
    assert read_binding(tmp_path / "a.btf") is None
    assert read_binding(tmp_path / "c.btf") == Binding()
    with pytest.raises(dwarfless.UnsupportedError, match="donor"):
        write_btf(tmp_path / "x.ko", base)


def test_what_is_split_says_over_what(tmp_path):
    """Also without a program; bare bytes say nothing."""
    base = small_base()
    extra = small_extra(base)
    write_btf(tmp_path / "a.elf", extra)
    assert read_binding(tmp_path / "a.elf") == Binding(bases=(base.digest,))
    assert load(tmp_path / "a.elf", base=base).num_own == extra.num_own
    with pytest.raises(BaseMismatchError, match="made for Linux of unknown release"):
        load(tmp_path / "a.elf", base=small_base("long"))
    write_btf(tmp_path / "b.elf", dwarfless.encode(extra))
    assert read_binding(tmp_path / "b.elf") is None
    assert load(tmp_path / "b.elf", base=base).num_own == extra.num_own


def test_another_base_is_refused(tmp_path):
    """The error names both files, both digests, and what the extra is for."""
    base, other = small_base(), small_base("long")
    path = tmp_path / "extra"
    write_btf(path, small_extra(base), binding=replace(BINDING, bases=(base.digest,)))
    with pytest.raises(BaseMismatchError) as caught:
        load(path, base=other)
    message = str(caught.value)
    for part in (str(path), "long.btf", base.digest, other.digest, "6.12.1", "ab" * 20):
        assert part in message
    with pytest.raises(BaseMismatchError, match="given: nothing"):
        load(path)
    with pytest.raises(BaseMismatchError, match=r"1 level of BTF; given: int\.btf, <bytes>"):
        load(path, base=small_extra(base))


@pytest.mark.parametrize("type", [elf.ET_EXEC, elf.ET_REL])
def test_a_kernel_and_a_module_are_bound(type, tmp_path):
    """Release, build-ids, and the sections of all levels' variables with their addresses."""
    kernel = Elf(
        [
            Section(".text", bytes(16), flags=elf.ALLOC, addr=0x1000),
            Section(".rodata", b"%s version %s (\0Linux version 6.12.1-x (gcc", flags=elf.ALLOC),
            Section(".data..percpu", bytes(8), flags=elf.ALLOC, addr=0),
            Section(".data", bytes(24), flags=elf.ALLOC, addr=0x3000),
            Section(".data", bytes(8), flags=elf.ALLOC, addr=0x4000),
            Section(".bss", bytes(8), flags=elf.ALLOC, addr=0x5000),
            Section(".note.gnu.build-id", note(b"GNU", 3, b"\xab\xcd"), type=elf.NOTE),
            Section(".BTF", dwarfless.encode(percpu_base())),
        ],
        type=type,
    )
    path = tmp_path / "vmlinux"
    path.write_bytes(kernel.assemble())
    base = load(path)
    linked = type == elf.ET_EXEC
    found = bind(path, small_extra(base))
    assert (found.release, found.build_id, found.module) == ("6.12.1-x", "abcd", "")
    assert found.bases == (base.digest,)
    assert found.sections == (
        BoundSection(".data", 0x3000 * linked, 24, relative=not linked),
        BoundSection(".data..percpu", 0, 8, per_cpu=True, fixed=linked, relative=not linked),
        BoundSection(".text", 0x1000 * linked, 16, relative=not linked),
    )

    module = Elf(
        [
            Section(".data", bytes(24), flags=elf.ALLOC),
            Section(".modinfo", b"license=GPL\0name=xfs\0vermagic=6.12.1-x SMP\0"),
            Section(".gnu.linkonce.this_module", bytes(8)),
            Section(".note.gnu.build-id", note(b"GNU", 3, b"\x12\x34"), type=elf.NOTE),
        ]
    )
    content = ElfImage.of_bytes(module.assemble())
    found = bind(content, small_extra(base))
    assert (found.release, found.build_id) == ("6.12.1-x", "abcd")
    assert (found.module, found.module_build_id) == ("xfs", "1234")
    assert found.sections == (BoundSection(".data", 0, 24, relative=True),)


def percpu_base() -> TypeGraph:
    """Return a kernel's graph, which has per-CPU variables already."""
    builder = GraphBuilder()
    var = builder.add_var("cpu", builder.add_int("int", 4))
    builder.add_datasec(".data..percpu", 4, [(var, 0, 4)])
    return builder.freeze()


def test_the_running_kernel_is_known(tmp_path, monkeypatch):
    """A module bound over /sys/kernel/btf/vmlinux gets the build-id in /sys/kernel/notes."""
    btf, notes = tmp_path / "btf", tmp_path / "notes"
    btf.write_bytes(dwarfless.encode(percpu_base()))
    notes.write_bytes(note(b"Linux", 257, bytes(4)) + note(b"GNU", 3, b"\xbe\xef"))
    monkeypatch.setattr("dwarfless.containers.bind.RUNNING_BTF", os.path.realpath(btf))
    monkeypatch.setattr("dwarfless.containers.bind.RUNNING_NOTES", notes)
    found = identify_file(btf)
    assert (found.release, found.build_id) == (os.uname().release, "beef")
    module = Elf([Section(".gnu.linkonce.this_module", bytes(8))]).assemble()
    bound = bind(ElfImage.of_bytes(module), small_extra(load(btf)))
    assert (bound.module, bound.build_id) == ("module", "beef")
    assert identify_file(notes) == identify_file(tmp_path / "none") == Binding()


def test_addresses():
    """Link address and offset; moved with the kernel, but for per-CPU data at 0."""
    assert BINDING.address(".data", 0x10) == 0xFFFFFFFF82C00010
    assert BINDING.address(".data", 0x10, slide=0x1000000) == 0xFFFFFFFF83C00010
    assert BINDING.address(".data..percpu", 0x10, slide=0x1000000) == 0x10
    assert BINDING.address(".bss", 0) is None
    narrow = replace(BINDING, layout=Layout(False, True))
    assert narrow.address(".data", 0, slide=-0x2C00000) == 0x80000000


@pytest.mark.parametrize(
    ("at", "value", "problem"),
    [
        (0, 2, "0x18: binding of version 2, not 1"),
        (4, 17, "0x1c: 17 is more than the 16"),
        (8, 0xFFFFFFFF, "0x20: 4294967295 is more"),
        (12, 1 << 21, "0x24: 2097152 is more"),
        (16, 999, "0x28: no string at 0x3e7"),
        (20, 999, "0x2c: no string"),
        (24, 65, "0x30: build-id of 65 bytes"),
        (28, 65, "0x34: build-id of 65 bytes"),
        (28, 3, "0x18: binding of 128 bytes, not 129"),
        (32 + 32 + 16, 999, "0x68: no string"),
        (32 + 32 + 20, 8, "0x6c: section flags 0x8"),
        (127, 0x20, "0x86: strings don't start and end with NUL"),
    ],
)
def test_damage_is_named_with_its_place(at, value, problem):
    """Section and offset of the field that is wrong."""
    content = bytearray(spelled_out("<"))
    struct.pack_into("<I" if at < 124 else "<B", content, 24 + at, value)
    with pytest.raises(ElfError, match=r"x: .note.dwarfless\+") as caught:
        Binding.read(content, layout=Layout(True, True), machine=62, source="x")
    assert problem in str(caught.value)


def test_two_bindings_and_none():
    """Notes of others are passed over; a second binding is one too many."""
    other = note(b"GNU", 3, b"abcd") + note(b"dwarfless", 7, b"later")
    layout = Layout(True, True)
    assert Binding.read(other, layout=layout, machine=62, source="x") is None
    both = other + spelled_out("<")
    assert Binding.read(both, layout=layout, machine=62, source="x") is not None
    with pytest.raises(ElfError, match="second binding"):
        Binding.read(both + spelled_out("<"), layout=layout, machine=62, source="x")


def test_damaged_containers_raise_only_our_errors(tmp_path: Path):
    """Every length, flipped bits of the note, random bytes anywhere."""
    content = encode_container(dwarfless.encode(small_base()), BINDING)
    source = random.Random(1)
    start = content.index(b"dwarfless\0") - 12
    broken = [content[:length] for length in range(len(content))]
    for bit in range(8 * start, 8 * (start + 300), 3):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        broken.append(bytes(flipped))
    for _ in range(300):
        mutated = bytearray(content)
        for _ in range(source.randint(1, 8)):
            mutated[source.randrange(len(mutated))] = source.choice((0, 1, 0x7F, 0xFF))
        broken.append(bytes(mutated))
    path = tmp_path / "broken"
    for one in broken:
        path.write_bytes(one)
        with contextlib.suppress(DwarflessError):
            binding = read_binding(path)
            assert binding is None or binding.to_bytes()
        with contextlib.suppress(DwarflessError):
            load(path)
