"""Functions that BPF programs may call, out of .BTF_ids."""

import struct

import pytest

from build.elf import ET_EXEC, Elf, Section, Symbol
from dwarfless.elf.image import ElfImage
from dwarfless.errors import ElfError
from dwarfless.graph.kfuncs import KF_FASTCALL, find_kfuncs

ADDR = 0x1000


def image(words: list[int], symbols: list[tuple[str, int, int]], *, little=True) -> ElfImage:
    """Return an image with .BTF_ids at ADDR; symbols are (name, offset in bytes, size)."""
    order = "<" if little else ">"
    section = Section(".BTF_ids", struct.pack(f"{order}{len(words)}I", *words), addr=ADDR, align=4)
    elf = Elf(
        [Section(".text", bytes(64)), section],
        [
            *(Symbol(name, ADDR + offset, size, 2) for name, offset, size in symbols),
            Symbol("__BTF_ID__func__elsewhere__1", ADDR + 8, 0, 1),
        ],
        little=little,
        type=ET_EXEC,
    )
    return ElfImage.of_bytes(elf.assemble(), "test")


SET = ("__BTF_ID__set8__bpf_kfuncs", 0, 24)


@pytest.mark.parametrize("little", [True, False])
def test_the_functions_of_a_kfunc_set(little: bool):
    """Prefix and number go, underscores in names stay."""
    found = image(
        [2, 1, 0, 5, 0, KF_FASTCALL, 7],
        [
            ("__BTF_ID__func__vfs_close__1", 8, 0),
            SET,
            ("__BTF_ID__func____odd__name__23", 16, 0),
            ("__BTF_ID__struct__file__9", 8, 0),
        ],
        little=little,
    )
    assert find_kfuncs(found) == {"vfs_close": 5, "__odd__name": KF_FASTCALL}


def test_other_sets_and_lone_ids_hold_no_kfuncs():
    """The set's flag says it, since Linux 6.9."""
    lone = [("__BTF_ID__func__f__1", 24, 0)]
    assert find_kfuncs(image([1, 1, 0, 5, 0, 0, 0, 0], [SET, *lone])) == {}
    assert find_kfuncs(image([1, 0, 0, 5], [SET, ("__BTF_ID__func__f__1", 8, 0)])) == {}


def test_malformed_names_are_passed_over():
    """No number, no function."""
    names = ["__BTF_ID__func__f", "__BTF_ID__func__f_1", "__BTF_ID__func__f__1_", "func__f__1"]
    found = find_kfuncs(image([1, 1, 0, 5], [SET, *((name, 8, 0) for name in names)]))
    assert found == {}


def test_an_id_outside_the_section_is_an_error():
    """Its flags can't be read."""
    with pytest.raises(ElfError, match=r"\.BTF_ids\+0x8: an id record lies outside"):
        find_kfuncs(image([1, 1], [SET, ("__BTF_ID__func__f__1", 8, 0)]))


def test_no_section_no_kfuncs():
    """As in every kernel without BPF."""
    elf = Elf([Section(".text", bytes(8))], [], type=ET_EXEC)
    assert find_kfuncs(ElfImage.of_bytes(elf.assemble(), "test")) == {}
