"""dwarfless-pahole, called as kernels call pahole: the bytes `encode` writes, pahole's meaning."""

import shutil
from pathlib import Path

import pytest

from dwarfless.btf.encode import encode
from dwarfless.cli.pahole import run
from dwarfless.containers.load import load
from dwarfless.containers.section import ElfReader
from dwarfless.encoder import encode_elf
from dwarfless.graph.match import Base
from dwarfless.graph.options import EncodeOptions, parse_features
from peers.compare import compare
from peers.symbols import optimized_functions
from support import KERNEL_FEATURES, kernel, module, pahole

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

ALLOW = Path(__file__).parent / "allow" / "trixie-modules.toml"
#: Kernel -> its options for one input, without -J.
# Source: scripts/pahole-flags.sh of 6.1, scripts/Makefile.btf of 6.12 and 7.2.
LINES = {
    "6.1": "--btf_gen_floats -j --lang_exclude=rust --skip_encoding_btf_inconsistent_proto "
    "--btf_gen_optimized",
    "6.12": f"-j --btf_features={KERNEL_FEATURES} --lang_exclude=rust",
    "6.12 dated": f"-j --btf_features={KERNEL_FEATURES} -j --btf_features=+reproducible_build "
    "--lang_exclude=rust",
    "7.2": f"-j2 --btf_features={KERNEL_FEATURES} --btf_features=attributes "
    "--btf_features=layout --lang_exclude=rust",
}


@pytest.mark.parametrize("line", LINES.values(), ids=list(LINES))
def test_the_same_line_means_the_same(line, tmp_path):
    """Ours and pahole's output of one module."""
    source, ours, theirs = module("trixie", "wireguard"), tmp_path / "ours", tmp_path / "theirs"
    options = ["-J", *line.split()]
    assert run([*options, f"--btf_encode_detached={ours}", str(source)]) == 0
    done = pahole(*options, f"--btf_encode_detached={theirs}", source)
    assert done.returncode == 0, done.stderr
    comparison = compare(ours, theirs, allow=ALLOW)
    assert not comparison.unexplained, f"\n{comparison.to_text()}"


def test_a_kernel_is_what_encode_writes(tmp_path):
    """To the byte, detached."""
    source, output = kernel("trixie"), tmp_path / "out"
    options = f"-J {LINES['6.12']} --btf_encode_detached={output} {source}"
    assert run(options.split()) == 0
    graph, report = encode_elf(
        source, options=EncodeOptions(features=parse_features(KERNEL_FEATURES))
    )
    assert output.read_bytes() == encode(graph, report=report)


def test_modules_in_place_over_their_kernel(tmp_path):
    """Several at once, as the build's last step does; the same bytes as one by one."""
    names = ("wireguard", "overlay", "nvme-tcp")
    sources = [module("trixie", name) for name in names]
    copies = [Path(shutil.copy(source, tmp_path)) for source in sources]
    line = f"-J {LINES['6.12']} --btf_base {kernel('trixie')}"
    assert run([*line.split(), *map(str, copies)]) == 0
    base = Base(load(kernel("trixie")))
    features = EncodeOptions(features=parse_features(KERNEL_FEATURES))
    for source, copy in zip(sources, copies, strict=True):
        graph, report = encode_elf(source, options=features, base=base)
        with open(copy, "rb", buffering=0) as file:
            assert ElfReader(file, str(copy)).section(".BTF") == encode(graph, report=report)
        assert optimized_functions(copy) == optimized_functions(source)
