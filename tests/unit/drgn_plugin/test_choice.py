"""Of several meanings of a name the right one is taken, or all are listed."""

import pytest

from dwarfless.formats.btf import Kind
from dwarfless.graph.type_graph import GraphBuilder, TypeGraph

drgn = pytest.importorskip("drgn", reason="NOT TESTED, drgn is missing: pip install drgn")

from drgn import FindObjectFlags  # noqa: E402

from unit.drgn_plugin.small_kernel import SmallKernel, written  # noqa: E402
from unit.drgn_plugin.test_modules import Attached  # noqa: E402

FUNCTION, CONSTANT = FindObjectFlags.FUNCTION, FindObjectFlags.CONSTANT


def contents(
    base: TypeGraph, *, value: int | None = None, functions: tuple[str, ...] = ()
) -> TypeGraph:
    """Return BTF with functions, a struct, and an enumerator IDLE."""
    builder = GraphBuilder(base)
    if value is not None:
        builder.add_enum("state", 4, [("IDLE", value)])
    proto = builder.add_func_proto(0, [])
    for name in functions:
        builder.add_func(name, proto)
    builder.add_composite(Kind.STRUCT, "s", 4, [])
    return builder.freeze()


@pytest.fixture
def attached() -> Attached:
    """Return a kernel with modules m and n; symbols as the test puts them."""
    made = Attached(live=True)
    made.memory.load("m", contents(made.base, value=1, functions=("f", "g", "h")))
    made.memory.load("n", contents(made.base, value=2, functions=("f",)))
    made.places = {("f", "m"): [0x10], ("f", "n"): [0x20], ("g", "m"): [0x30, 0x40]}
    made.find_function = lambda name, level: made.places.get((name, level.module), [])
    return made


def found(attached: Attached, name: str, flags: FindObjectFlags, filename: str | None = None):
    """Return what drgn gets."""
    return attached.finder.object(attached.prog, name, flags, filename)


def test_functions_of_two_modules(attached):
    """Each has a static function of the name."""
    with pytest.raises(LookupError) as caught:
        found(attached, "f", FUNCTION)
    assert str(caught.value) == (
        "'f' is ambiguous: 0x10 of module m, 0x20 of module n; choose by file name, such as '0x10'"
    )
    for chosen, address in (("m", 0x10), ("n.ko", 0x20), ("0x10", 0x10), ("n#4", 0x20)):
        assert found(attached, "f", FUNCTION, chosen).address_ == address
    for chosen in ("0x30", "o", "m#1"):
        assert found(attached, "f", FUNCTION, chosen) is None


def test_functions_that_one_prototype_stands_for(attached):
    """Two symbols, of one module: their addresses choose."""
    with pytest.raises(LookupError, match=r": 0x30 of module m, 0x40 of module m; .* '0x30'$"):
        found(attached, "g", FUNCTION, "m")
    assert found(attached, "g", FUNCTION, "0x40").address_ == 0x40


def test_functions_without_symbol(attached):
    """The compiler gave what it made of it another name: its type is known, its place is not."""
    function = found(attached, "h", FUNCTION)
    assert function.address_ is None
    assert function.absent_
    assert function.type_.kind == drgn.TypeKind.FUNCTION
    assert found(attached, "h", FUNCTION, "0x50") is None


def test_enumerators_of_two_modules(attached):
    """They are not the same number."""
    with pytest.raises(LookupError, match=r": n#2 \(= 2\), m#2 \(= 1\); .* such as 'n#2'$"):
        found(attached, "IDLE", CONSTANT)
    for chosen, value in (("m", 1), ("n", 2), ("m#2", 1), ("fs/n.c", 2)):
        assert found(attached, "IDLE", CONSTANT, chosen).value_() == value
    assert found(attached, "IDLE", CONSTANT, "other") is None


def test_a_file_that_nothing_tells_of(attached):
    """No BTF says in which file a type is: what there is, rather a module of that name's."""
    with pytest.raises(LookupError, match="ambiguous"):
        attached.struct("s", "fs/else.c")
    assert attached.struct("s", "fs/m.c") is attached.struct("s", "m")
    attached.memory.remove("n")
    assert attached.struct("s", "fs/else.c") is attached.struct("s", "m")


@pytest.mark.parametrize("place", ["other_fn", "xfs", "xfs#3", "#1"])
def test_what_is_chosen_must_be_there(tmp_path, place):
    """A variable of another function, module or id is not the one that was asked for."""
    prog, _ = SmallKernel().attach(tmp_path, extra=written(tmp_path / "extra.elf"))
    for name in ("count", "six"):
        with pytest.raises(LookupError):
            prog.variable(name, place)
    assert prog.variable("six", "kernel/else.c").value_() == 6
