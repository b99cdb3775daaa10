"""What modules have is found while they are loaded; a module and its extra are one."""

import os
from types import SimpleNamespace

import pytest

from dwarfless.btf.decode import decode
from dwarfless.btf.encode import encode
from dwarfless.containers.binding import Binding
from dwarfless.containers.write import write_btf
from dwarfless.formats.btf import Kind
from dwarfless.graph.levels import levels
from dwarfless.graph.type_graph import GraphBuilder, TypeGraph

drgn = pytest.importorskip("drgn", reason="NOT TESTED, drgn is missing: pip install drgn")

from dwarfless.consumers.drgn_plugin import modules  # noqa: E402
from dwarfless.consumers.drgn_plugin.levels import Level  # noqa: E402
from dwarfless.consumers.drgn_plugin.memory import ModuleBtf  # noqa: E402
from dwarfless.consumers.drgn_plugin.modules import LoadedModules  # noqa: E402
from dwarfless.consumers.drgn_plugin.objects import Finder  # noqa: E402
from dwarfless.consumers.drgn_plugin.types import Types  # noqa: E402

#: Before each module's BTF.
SPACING = 0x10000


class Memory:
    """A kernel's memory with the list of its modules' BTF, newest first."""

    def __init__(self, prog: drgn.Program) -> None:
        self.prog = prog
        self.rows: list[ModuleBtf] = []
        self.last_id = 0

    def load(self, module: str, graph: TypeGraph) -> None:
        """Load a module."""
        content = encode(graph)
        self.last_id += 1
        address = self.last_id * SPACING
        self.prog.add_memory_segment(
            address, len(content), lambda at, count, offset, physical: content[offset:][:count]
        )
        self.rows.insert(0, ModuleBtf(module, self.last_id, address, len(content)))

    def remove(self, module: str) -> None:
        """Remove it."""
        self.rows = [row for row in self.rows if row.module != module]

    def iter_module_btf(self, base, place):
        """Yield the list."""
        yield from self.rows


class Attached:
    """What finders ask; the kernel has an int and nothing else."""

    looking = False

    def __init__(self, *, live: bool) -> None:
        # Where dwarfless is installed beside drgn, its hook would attach, too.
        os.environ["DRGN_DISABLE_PLUGINS"] = "*"
        self.prog = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
        if live:
            self.prog.set_linux_kernel_custom(VMCOREINFO, is_live=True)
        b = GraphBuilder()
        self.int_id = b.add_int("int", 4, signed=True)
        self.base = b.freeze()
        types = Types(self.prog, self.base, None, lambda name, union: None)
        self.kernel = Level(types, "", lambda section, level: None)
        self.memory = Memory(self.prog)
        self.modules = LoadedModules(
            self.memory, lambda: self.kernel, lambda: None, lambda name, union: None
        )
        self.finder = Finder(self)

    @property
    def kernel_levels(self):
        """The kernel's level."""
        return [self.kernel]

    @property
    def module_levels(self):
        """Those of modules."""
        return self.modules.levels

    def struct(self, name, filename=None):
        """Return what drgn gets for a struct."""
        return self.finder.type(self.prog, {drgn.TypeKind.STRUCT}, name, filename)

    def module(self, struct: str, *, size: int = 4, variable: str = "") -> TypeGraph:
        """Return the BTF of a module with a struct, and a variable of it."""
        b = GraphBuilder(self.base)
        type_id = b.add_composite(Kind.STRUCT, struct, size, [("member", self.int_id, 0)])
        if variable:
            var_id = b.add_var(variable, type_id)
            b.add_datasec(".data..percpu", size, [(var_id, 0, size)])
        return b.freeze()


#: As little as drgn takes.
VMCOREINFO = b"""\
OSRELEASE=6.12.0
PAGESIZE=4096
SYMBOL(swapper_pg_dir)=ffffffff82000000
KERNELOFFSET=0
"""


def test_found_while_loaded():
    """On a running kernel what was missing is found later, and what was found goes."""
    attached = Attached(live=True)
    assert attached.struct("s") is None
    attached.memory.load("m", attached.module("s"))
    found = attached.struct("s")
    assert found.tag == "s"
    attached.memory.load("other", attached.module("t"))
    assert attached.struct("s") is found
    attached.memory.remove("m")
    assert attached.struct("s") is None
    attached.memory.load("m", attached.module("s", size=8))
    assert attached.struct("s").size == 8


def test_a_core_file_stays_as_it_is():
    """Its list is read once."""
    attached = Attached(live=False)
    attached.memory.load("m", attached.module("s"))
    assert attached.struct("s").tag == "s"
    attached.memory.rows = []
    assert attached.struct("t") is None
    assert attached.struct("s").tag == "s"
    assert attached.modules.generation == 0


def test_the_kernels_own_need_no_look():
    """What the kernel has is not looked for in modules."""
    attached = Attached(live=True)
    kinds = {drgn.TypeKind.INT}
    found = attached.finder.type(attached.prog, kinds, "int", None)
    assert attached.finder.type(attached.prog, kinds, "int", None) is found
    assert attached.modules.num_asked == 0


def test_a_module_and_its_extra_are_one():
    """What both say is there once, so no name is ambiguous; the rest comes from either."""
    attached = Attached(live=True)
    attached.memory.load("m", attached.module("s", variable="v"))
    attached.memory.load("m_btf", attached.module("s", variable="v"))
    attached.memory.load("n_btf", attached.module("only"))
    assert attached.struct("s").size == 4
    assert [level.module for level in attached.modules.levels] == ["n", "m"]
    assert attached.struct("only", "n").tag == "only"
    assert attached.struct("s", "m").tag == "s"


@pytest.mark.parametrize("over", ["kernel", "module"])
def test_extra_from_a_file(tmp_path, monkeypatch, over):
    """It is called by the module's build-id, and split over the kernel or over the module."""
    attached = Attached(live=False)
    own = attached.module("s")
    attached.memory.load("m", own)
    own = decode(encode(own), base=attached.base)
    base = own if over == "module" else attached.base
    b = GraphBuilder(base)
    size, type_id = 4, attached.int_id if over == "kernel" else own.find_all("s")[0].id
    b.add_datasec(".data", size, [(b.add_var("v", type_id), 0, size)])
    bases = tuple(each.digest for each in levels(base))
    binding = Binding(module="m", module_build_id="ab", bases=bases)
    write_btf(tmp_path / "ab.elf", b.freeze(), binding=binding)
    monkeypatch.setenv("DWARFLESS_PATH", str(tmp_path))
    loaded = SimpleNamespace(build_id=b"\xab", section_addresses={".data": 0x40}, name="m")
    attached.modules.__dict__["_loaded"] = {"m": [loaded]}
    found = [level for level in attached.modules.levels if level.find_ids("v", Kind.VAR)]
    assert [level.module for level in found] == ["m"]
    assert found[0].start_of(".data") == 0x40
    assert attached.struct("s").size == 4


def test_what_is_asked_while_modules_are_read(tmp_path, monkeypatch):
    """drgn asks for types to tell where modules are: no circle, and no answer is kept."""
    attached = Attached(live=False)
    attached.memory.load("m", attached.module("s"))
    asked = []

    def loaded_modules():
        asked.append(attached.struct("s"))
        return iter(())

    monkeypatch.setenv("DWARFLESS_PATH", str(tmp_path))
    prog = SimpleNamespace(
        loaded_modules=loaded_modules, flags=attached.prog.flags, read=attached.prog.read
    )
    monkeypatch.setattr(attached.modules, "prog", prog)
    monkeypatch.setattr(modules, "Types", lambda _, *rest: Types(attached.prog, *rest))
    assert attached.struct("s").size == 4
    assert asked == [None]
    assert attached.struct("s").size == 4


@pytest.mark.parametrize("name", ["ab.btf", "ab.elf", "ab"])
def test_extra_that_does_not_fit(tmp_path, monkeypatch, caplog, name):
    """A line says so, and the module's own BTF is there nevertheless."""
    attached = Attached(live=False)
    attached.memory.load("m", attached.module("s"))
    binding = Binding(module="m", module_build_id="ab", bases=("00" * 32,))
    if name == "ab":
        # Another module's, whoever called it so; it is over the same kernel.
        bases = (attached.base.digest,)
        binding = Binding(module="n", module_build_id="cd", bases=bases)
    write_btf(tmp_path / name, attached.module("t"), binding=binding)
    monkeypatch.setenv("DWARFLESS_PATH", str(tmp_path))
    attached.modules.__dict__["_loaded"] = {"m": [SimpleNamespace(build_id=b"\xab")]}
    assert attached.struct("s").size == 4
    assert attached.struct("t") is None
    (message,) = caplog.messages
    assert str(tmp_path / name) in message


def test_what_differs_stays_ambiguous():
    """Two modules may mean different things by a name; the module chooses."""
    attached = Attached(live=True)
    attached.memory.load("m", attached.module("s"))
    attached.memory.load("n", attached.module("s", size=8))
    with pytest.raises(LookupError, match=r": n#2, m#2; .* such as 'n#2'$"):
        attached.struct("s")
    assert [attached.struct("s", name).size for name in ("m", "n")] == [4, 8]


def test_broken_btf_of_one_hides_no_other():
    """It is left out, with a warning."""
    attached = Attached(live=True)
    attached.memory.load("m", attached.module("s"))
    attached.memory.rows.insert(0, ModuleBtf("broken", 99, SPACING, 3))
    assert attached.struct("s").tag == "s"
