"""Names become objects: the right one, or an error that says what there is."""

import pytest

from dwarfless.errors import BaseMismatchError, TypeLookupError

drgn = pytest.importorskip("drgn", reason="NOT TESTED, drgn is missing: pip install drgn")

from drgn import FindObjectFlags  # noqa: E402

from unit.drgn_plugin.small_kernel import SmallKernel, base, written  # noqa: E402

#: Type ids of the extra's variables, in the order of small_kernel.VARIABLES.
INIT_TASK, STATE, COUNT, OTHER_STATE, OTHER_COUNT = (len(base()) + n for n in (0, 1, 2, 5, 6))


@pytest.fixture
def prog(tmp_path):
    """Return a program of the small kernel."""
    return SmallKernel().attach(tmp_path, extra=written(tmp_path / "extra.elf"))[0]


def test_several_of_a_name(prog):
    """An error that lists them; each can be had by its id."""
    with pytest.raises(LookupError) as caught:
        prog["state"]
    assert str(caught.value) == (
        f"'state' is ambiguous: #{STATE} (.data+0x80), #{OTHER_STATE} (.bss+0x10); "
        f"choose by file name, such as '#{STATE}'"
    )
    found = [prog.variable("state", f"#{i}").value_() for i in (STATE, OTHER_STATE)]
    assert found == [1, 2]
    with pytest.raises(LookupError):
        prog.variable("state", f"#{COUNT}")


@pytest.mark.parametrize("place", ["do_it", "it.c", "kernel/it.c", f"#{COUNT}"])
def test_variables_of_functions(prog, place):
    """They don't hide what is outside, and are had by function, file or id."""
    assert prog["count"].value_() == prog.variable("count", f"#{OTHER_COUNT}").value_() == 4
    assert prog.variable("count", place).value_() == 3


def test_symbols_of_variables_without_kallsyms(tmp_path):
    """Where it has functions only, variables are symbols by the extra's note."""
    kernel = SmallKernel(kallsyms="functions")
    prog, _ = kernel.attach(tmp_path, extra=written(tmp_path / "extra.elf"))
    place = kernel.address(".data", 0x40)
    for symbol in (prog.symbol("init_task"), prog.symbol(place), prog.symbol(place + 11)):
        found = symbol.name, symbol.address, symbol.size, symbol.kind
        assert found == ("init_task", place, 12, drgn.SymbolKind.OBJECT)
    assert len(prog.symbols("state")) == 2
    # A function's own, and what is beside all of them.
    assert [symbol.address for symbol in prog.symbols("count")] == [kernel.address(".bss", 0x20)]
    for nowhere in (place - 1, place + 12, 0):
        with pytest.raises(LookupError):
            prog.symbol(nowhere)


def test_freed_memory_is_said(prog, caplog):
    """What is in init memory has an address, but may be something else by now."""
    assert prog["early"].value_() == 5
    assert caplog.messages == ["early is in .init.data, which the kernel freed"]


@pytest.mark.parametrize("names", [("init_task", "six", "seven"), ("six", "seven")])
def test_section_table_against_symbols(tmp_path, names):
    """No symbol of a section is where the note says: an error. One that is will do."""
    kernel = SmallKernel(moved=dict.fromkeys(names, 0x40))
    path = written(tmp_path / "extra.elf")
    prog, found = kernel.attach(tmp_path, extra=path)
    start = kernel.address(".data")
    if "init_task" not in names:
        assert found.kernel_levels[0].start_of(".data") == start
        return
    with pytest.raises(BaseMismatchError) as caught:
        prog["six"]
    told = f"has init_task at {start + 0x40:#x}, the kernel at {start + 0x80:#x}"
    assert str(caught.value) == f"{path}: {told}"


def test_variable_against_its_symbol(tmp_path):
    """Once all symbols are read, each variable is compared."""
    kernel = SmallKernel(moved={"early": 8})
    prog, found = kernel.attach(tmp_path, extra=written(tmp_path / "extra.elf"))
    assert prog.symbol("_stext").address == kernel.address(".text")
    assert found.memory.index is not None
    with pytest.raises(BaseMismatchError, match=r"^early: at 0x\w+ by its section, at 0x\w+ by"):
        prog["early"]
    assert prog["init_task"].pid.value_() == 7


def test_variable_against_vmcoreinfo(tmp_path):
    """What VMCOREINFO tells is compared always."""
    kernel = SmallKernel(told={"SYMBOL(init_task)": f"{0xFFFFFFFF99000000:x}"})
    path = written(tmp_path / "extra.elf")
    prog, _ = kernel.attach(tmp_path, extra=path)
    with pytest.raises(BaseMismatchError, match=rf"{path}: has init_task at 0x\w+, the kernel at"):
        prog["init_task"]


def test_finders_errors_are_lookup_errors(prog):
    """drgn's helpers ask whether a name is there by that."""
    assert issubclass(TypeLookupError, LookupError)
    with pytest.raises(LookupError):
        prog.object("nothing", FindObjectFlags.ANY)
