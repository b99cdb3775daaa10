"""Loading from files and sections; writing whole files."""

import os
import stat
import struct

import pytest

import dwarfless
from dwarfless.containers.output import write_atomically
from dwarfless.formats.btf import Kind


def small_btf() -> bytes:
    """BTF of two types."""
    builder = dwarfless.GraphBuilder()
    builder.add_int("int", 4)
    builder.add_reference(Kind.PTR, 1)
    return dwarfless.encode(builder.freeze())


def elf(sections: dict[str, bytes], order: str = "<", wide: bool = True) -> bytes:
    """Return an ELF file with nothing but sections."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in sections) + b".shstrtab\0"
    parts = [("", b""), *sections.items(), (".shstrtab", names)]
    start = 64 if wide else 52
    body, headers = b"", b""
    for name, content in parts:
        fields = (names.find(name.encode() + b"\0"), 1 if name else 0, 0, 0)
        fields += (start + len(body), len(content), 0, 0, 1, 0)
        headers += struct.pack(order + ("IIQQQQIIQQ" if wide else "10I"), *fields)
        body += content
    ident = b"\x7fELF" + bytes((1 + wide, 1 if order == "<" else 2, 1)) + bytes(9)
    rest = (1, 62, 1, 0, 0, start + len(body), 0, start, 0, 0, 64 if wide else 40)
    rest += (len(parts), len(parts) - 1)
    return (
        ident
        + struct.pack(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"), *rest)
        + (body + headers)
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wide", [False, True])
def test_loads_a_section(order, wide):
    """ELF of either class and byte order."""
    content = elf({".text": b"abc", ".BTF": small_btf()}, order, wide)
    assert len(dwarfless.load(content)) == 3


def test_loads_raw(tmp_path):
    """From a path and from bytes."""
    path = tmp_path / "a.btf"
    path.write_bytes(small_btf())
    assert dwarfless.load(path).source == str(path)
    assert len(dwarfless.load(path.read_bytes())) == 3


def test_distilled_base_comes_along():
    """A file with .BTF.base needs no other base."""
    base = dwarfless.decode(small_btf())
    builder = dwarfless.GraphBuilder(base)
    builder.add_reference(Kind.CONST, 1)
    content = elf({".BTF": dwarfless.encode(builder.freeze()), ".BTF.base": small_btf()})
    assert dwarfless.load(content)[3].type.name == "int"


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"text", elf({".text": b""})])
def test_refuses_what_holds_no_btf(content):
    """Anything else is an error, not a guess."""
    with pytest.raises(dwarfless.FormatError):
        dwarfless.load(content)


def test_refuses_truncated_elf():
    """At every length."""
    content = elf({".BTF": small_btf()})
    for length in range(len(content)):
        with pytest.raises(dwarfless.DwarflessError):
            dwarfless.load(content[:length])


def test_write_replaces_whole_files(tmp_path):
    """Content changes, permissions stay, nothing else is left."""
    path = tmp_path / "out"
    write_atomically(path, b"one")
    path.chmod(0o640)
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["out"]


def test_write_follows_links(tmp_path):
    """A symbolic link stays one."""
    (tmp_path / "link").symlink_to("out")
    write_atomically(tmp_path / "link", b"one")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "out").read_bytes() == b"one"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_interrupted_write_leaves_no_trace(tmp_path, monkeypatch, error):
    """The old file stays."""
    path = tmp_path / "out"
    path.write_bytes(b"old")

    def fail(*_):
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(error):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out"]


def test_write_to_stdout_and_devices(capfdbinary):
    """These can't be renamed to."""
    write_atomically("-", b"one")
    write_atomically("/dev/null", b"two")
    assert capfdbinary.readouterr().out == b"one"
