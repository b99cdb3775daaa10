"""A kernel's own BTF and the extra over it hold every variable, at the floor of bytes."""

import subprocess
from pathlib import Path

import pytest

from dwarfless.containers.bind import bind
from dwarfless.containers.load import load, read_binding
from dwarfless.containers.write import write_btf
from dwarfless.graph.match import OUTLINED
from dwarfless.graph.views import Datasec
from oracle.bisimulation import JointGraph
from oracle.btf_reader import Btf, read
from peers.alike import alike, dimensions, variables
from support import COMMAND, KERNEL_FEATURES, bpftool, kernel, pahole_encode

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

SUITES = ("bookworm", "trixie", "sid")
#: A VAR and its entry in a DATASEC.
BYTES_A_VARIABLE = 28
#: New types that are neither variables nor sections: some hundred arrays and qualifiers.
MAX_NEW_TYPES = 200


@pytest.fixture(scope="module", params=SUITES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Made":
    """Return one kernel's extra with everything."""
    return Made(request.param, tmp_path_factory.mktemp("extra"))


class Made:
    """A kernel and its extra, read independently."""

    def __init__(self, suite: str, folder: Path) -> None:
        self.suite, self.vmlinux, self.path = suite, kernel(suite), folder / "extra.btf"
        arguments = [
            "extra",
            self.vmlinux,
            "--with-init",
            "--no-progress",
            "-o",
            self.path,
        ]
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        self.base: Btf = read(self.vmlinux)
        self.all: Btf = read(self.path, self.base)
        self.new = self.all.types[self.all.first :]


def test_every_variable_of_pahole_is_there(made):
    """Section, offset, size and name agree, and the type means the same."""
    theirs = read(
        pahole_encode(made.vmlinux, f"{KERNEL_FEATURES},global_var", "--lang_exclude=rust")
    )
    joint = JointGraph(alike(made.all), alike(theirs))
    of = joint.refine().of
    ours = {v[:5]: v.type_id for v in variables(made.all)}
    missing, other = [], []
    for variable in variables(theirs):
        type_id = ours.get(variable[:5])
        if type_id is None:
            missing.append(variable)
        elif of[type_id] != of[joint.second + variable.type_id] or dimensions(
            made.all, type_id
        ) != dimensions(theirs, variable.type_id):
            other.append(variable)
    assert not missing
    assert not other
    assert len(ours) >= len({v[:5] for v in variables(theirs)}) > 20_000


def test_at_the_floor(made):
    """28 bytes a variable, new names, and types of which none is the base's."""
    kinds = [type_[0] for type_ in made.new]
    num_vars, num_sections = kinds.count("VAR"), kinds.count("DATASEC")
    entries = sum(len(type_[3]) for type_ in made.new if type_[0] == "DATASEC")
    assert entries == num_vars
    others = [type_ for type_ in made.new if type_[0] not in ("VAR", "DATASEC")]
    assert len(others) <= MAX_NEW_TYPES
    size = made.path.stat().st_size
    num_strings = len(made.all.strings) - len(made.base.strings)
    type_bytes = 4 * made.all.num_words - BYTES_A_VARIABLE * num_vars - 12 * num_sections
    assert size == 24 + 4 * made.all.num_words + num_strings
    assert 12 * len(others) <= type_bytes <= 24 * len(others)
    names = set(made.base.strings.split(b"\0"))
    new_names = made.all.strings[len(made.base.strings) :].split(b"\0")[:-1]
    assert len(set(new_names)) == len(new_names)
    assert not set(new_names) & names


def test_nothing_is_repeated(made):
    """No variable twice, and none that the base places; no type that the base has."""
    keys = [v[:4] for v in variables(made.all)]
    assert len(set(keys)) == len(keys)
    of = JointGraph(made.all, made.all._replace(types=[])).refine().of
    in_base = set(of[: made.all.first].tolist())
    again = [
        type_
        for number, type_ in zip(of[made.all.first :].tolist(), made.new, strict=False)
        if number in in_base and type_[0] != "VAR"
    ]
    assert again == []


def test_the_report_lists_what_the_base_lacks(made, tmp_path):
    """Each new type with its reason; the report's numbers are those of the file."""
    import json

    report = tmp_path / "report.json"
    arguments = [
        "extra",
        made.vmlinux,
        "--with-init",
        "--report",
        report,
        "-o",
        tmp_path / "x.btf",
    ]
    subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, check=True)
    told = json.loads(report.read_text())
    items = [i for i in told["items"] if i["what"] == "new type"]
    assert len(items) == len([t for t in made.new if t[0] not in ("VAR", "DATASEC")])
    assert all(item["reason"] for item in items)
    assert (tmp_path / "x.btf").read_bytes() == made.path.read_bytes()
    known = {c["reason"]: c["number"] for c in told["counts"] if c["what"] == "match"}
    assert known[OUTLINED] > 1000


def test_comparing_every_definition_makes_no_difference(made, tmp_path):
    """What is known by name and size is what its definition means, for each variable."""
    path = tmp_path / "compared.btf"
    arguments = ["extra", made.vmlinux, "--with-init", "--compare-all", "--no-progress"]
    subprocess.run([*COMMAND, *map(str, arguments), "-o", path], capture_output=True, check=True)
    compared = read(path, made.base)
    joint = JointGraph(made.all, compared)
    of = joint.refine().of
    ours = {(*v[:5], int(of[v.type_id])) for v in variables(made.all)}
    assert ours == {(*v[:5], int(of[joint.second + v.type_id])) for v in variables(compared)}
    assert len(made.all.types) == len(compared.types)


def test_peers_read_it(made):
    """bpftool lists it over its base; our own check finds nothing."""
    listed = bpftool("-B", made.vmlinux, "btf", "dump", "file", made.path)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.count("] VAR '") == [t[0] for t in made.new].count("VAR")
    checked = subprocess.run(
        [*COMMAND, "check", str(made.path), "--base", str(made.vmlinux)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_addresses_follow_from_the_binding(made, tmp_path):
    """Without kallsyms: each variable is where readelf says that its symbol is."""
    base = load(made.vmlinux)
    extra = load(made.path, base=base)
    write_btf(tmp_path / "extra", extra, binding=bind(made.vmlinux, extra))
    binding = read_binding(tmp_path / "extra")
    assert binding is not None
    assert (binding.release, binding.bases) == (release_of(made.vmlinux), (base.digest,))

    symbols = symbol_addresses(made.vmlinux)
    extra = load(tmp_path / "extra", base=base)
    places = [
        (extra[entry.type_id].name, binding.address(section.name, entry.offset))
        for section in (*base, *extra)
        if isinstance(section, Datasec)
        for entry in section.entries
    ]
    known = [(name, address) for name, address in places if name in symbols]
    assert len(known) > 0.999 * len(places)
    assert len(known) > 20_000
    assert [place for place in known if place[1] not in symbols[place[0]]] == []


def release_of(path: Path) -> str:
    """Return the release in the name that Debian gives a vmlinux."""
    return path.parent.name if path.name == "vmlinux" else path.name.removeprefix("vmlinux-")


def symbol_addresses(path: Path) -> dict[str, set[int]]:
    """Return the addresses that readelf lists for each name."""
    listed = subprocess.run(["readelf", "-sW", path], capture_output=True, text=True, check=True)
    found: dict[str, set[int]] = {}
    for line in listed.stdout.splitlines():
        fields = line.split()
        if len(fields) == 8 and fields[0][:-1].isdecimal() and fields[6] != "UND":
            found.setdefault(fields[7], set()).add(int(fields[1], 16))
    return found


def test_bpftool_reads_the_elf_file(made, tmp_path):
    """The extra in ELF lists as the raw one does."""
    write_btf(tmp_path / "extra", made.path.read_bytes())
    listings = [
        bpftool("-B", made.vmlinux, "btf", "dump", "file", path).stdout
        for path in (made.path, tmp_path / "extra")
    ]
    assert listings[0] == listings[1]
    assert listings[0]
