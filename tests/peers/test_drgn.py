"""Every variable and named type of three kernels is to us what it is to drgn with DWARF.

A plain walk of the DWARF lists what there is; drgn is asked for each of them; our BTF, whole and
as an extra over the kernel's own, is read by the oracle and has to say the same. What drgn says is
kept in the cache by kernel and by the code that asked.
"""

import hashlib
import json
import subprocess
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from elftools.elf.elffile import ELFFile

from oracle import dwarf_reader
from oracle.btf_reader import Btf, read
from peers import drgn_venv
from peers.alike import variables
from peers.compare import load_allowances
from peers.described import TAGGED, Described, flat
from peers.differences import Difference
from support import COMMAND, KERNEL_FEATURES, kernel

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

HERE = Path(__file__).resolve().parent
SCRIPT = HERE / "drgn_variables.py"
SUITES = ("bookworm", "trixie", "sid")
WAYS = {
    "whole": ["encode", f"--features={KERNEL_FEATURES},global_var"],
    "extra": ["extra", "--with-init"],
}


class Said(NamedTuple):
    """What drgn says of a kernel.

    Attributes:
        variables: (address, name, file) of each DIE, to drgn's answer for that name and file.
        types: "struct NAME" to all outlines of that name.
    """

    variables: dict[tuple[int, str, str], list[Any] | None]
    types: dict[str, set[str]]


def ask_drgn(vmlinux: Path) -> Said:
    """Return what drgn says of everything that a kernel's DWARF defines in C at file scope.

    Cost: two minutes and 1.5 GB the first time.
    """
    code = b"".join(Path(p).read_bytes() for p in (SCRIPT, dwarf_reader.__file__))
    with open(vmlinux, "rb") as file:
        note = ELFFile(file).get_section_by_name(".notes").data()
    key = hashlib.sha256(drgn_venv.VERSION.encode() + code + note).hexdigest()[:16]
    kept = drgn_venv.folder() / f"said-{vmlinux.name}-{key}.json.z"
    if not kept.exists():
        found = dwarf_reader.definitions(vmlinux)
        asked = {
            "variables": sorted({d[1:3] for d in found if d.address is not None}),
            "types": sorted({d[:3] for d in found if d.address is None}),
        }
        answers = drgn_venv.run(SCRIPT, vmlinux, text=json.dumps(asked))
        content = {"found": found, "asked": asked, "answers": json.loads(answers)}
        partial = kept.with_suffix(".part")
        partial.write_bytes(zlib.compress(json.dumps(content).encode(), 1))
        partial.replace(kept)
    content = json.loads(zlib.decompress(kept.read_bytes()))
    answers = content["answers"]
    by_name = dict(
        zip(map(tuple, content["asked"]["variables"]), answers["variables"], strict=True)
    )
    said = Said({}, defaultdict(set))
    for _, name, file, address in content["found"]:
        if address is not None:
            said.variables[address, name, file] = by_name[name, file]
    for (kind, name, _), outline in zip(content["asked"]["types"], answers["types"], strict=True):
        assert outline is not None, f"drgn finds no {kind} {name}"
        said.types[f"{kind} {name}"].add(outline)
    return said


class Ours(NamedTuple):
    """What our BTF says, in the same words."""

    variables: dict[tuple[int, str], tuple[int, str, dict[str, str]]]
    types: dict[str, set[str]]


def describe(btf: Btf, vmlinux: Path) -> Ours:
    """Return variables by address and name, and the named types."""
    with open(vmlinux, "rb") as file:
        sections = [s for s in ELFFile(file).iter_sections() if s["sh_flags"] & 2]
        addresses = {section.name: section["sh_addr"] for section in sections}
    described = Described(btf)
    ours = Ours({}, defaultdict(set))
    for variable in variables(btf):
        named = {described.plain(i): described.outline(i) for i in described.named(variable[5])}
        what = (variable.size, described.text(variable.type_id), named)
        ours.variables[addresses[variable.section] + variable.offset, variable.name] = what
    for type_id, type_ in enumerate(btf.types):
        if type_[0] in (*TAGGED, "TYPEDEF") and type_[1]:
            ours.types[described.plain(type_id)].add(described.outline(type_id))
    return ours


def differences(ours: Ours, said: Said, whole: bool) -> Iterator[Difference]:
    """Yield what is not the same; only a is ours, only b is drgn's."""
    same = str if whole else flat
    seen = set()
    for (address, name, file), answer in said.variables.items():
        seen.add((address, name))
        if answer is None:
            yield Difference("VAR", name, "only b", "drgn does not find it")
            continue
        size, text, named = answer[1:]
        if (address, name) not in ours.variables:
            place = "discarded by the linker" if not address else f"at {address:#x} in {file}"
            yield Difference("VAR", name, "only b", f"{size} bytes {text} {place}")
            continue
        our_size, our_text, our_named = ours.variables[address, name]
        if (our_size, our_text) != (size, text):
            detail = f"{our_size} bytes {our_text} | {size} bytes {text}"
            yield Difference("VAR", name, "differs", detail)
        for each in our_named.keys() | named.keys():
            one, other = same(our_named.get(each, "")), same(named.get(each, ""))
            if one != other:
                yield Difference("VAR", name, "differs", f"{each}: {one} | {other}")
    for address, name in ours.variables.keys() - seen:
        yield Difference("VAR", name, "only a", f"at {address:#x}")
    yield from type_differences(ours, said, same)


def type_differences(ours: Ours, said: Said, same: Any) -> Iterator[Difference]:
    """Yield the named types that are not the same."""
    for name in ours.types.keys() | said.types.keys():
        one = {same(outline) for outline in ours.types.get(name, ())}
        other = {same(outline) for outline in said.types.get(name, ())}
        for outline in one - other:
            yield Difference("TYPE", name, "only a", outline)
        for outline in other - one:
            yield Difference("TYPE", name, "only b", outline)


@pytest.fixture(scope="module", params=SUITES)
def asked(request: pytest.FixtureRequest) -> tuple[Path, Said]:
    """Return a kernel and what drgn says of it."""
    vmlinux = kernel(request.param)
    return vmlinux, ask_drgn(vmlinux)


@pytest.mark.parametrize("way", WAYS)
def test_everything_is_what_drgn_says(asked, way, tmp_path):
    """Type, size and address of variables; size, members and offsets of types."""
    vmlinux, said = asked
    output = tmp_path / "out.btf"
    subprocess.run(
        [*COMMAND, *WAYS[way], vmlinux, "--no-progress", "-o", output],
        check=True,
        capture_output=True,
    )
    base = read(vmlinux) if way == "extra" else None
    ours = describe(read(output, base), vmlinux)
    allowed = load_allowances(HERE / "allow" / "drgn.toml")
    reasons: Counter[str] = Counter()
    unexplained = []
    for difference in differences(ours, said, way == "whole"):
        allowance = next((a for a in allowed if a.covers(difference)), None)
        if allowance is None:
            unexplained.append(difference)
        else:
            reasons[allowance.reason] += 1
    for reason, count in reasons.most_common():
        print(f"{count:,}: {reason}")
    assert not unexplained, f"{len(unexplained):,}, among them {unexplained[:20]}"
    assert len(ours.variables) > 20_000
    assert len(said.types) > 9_000
