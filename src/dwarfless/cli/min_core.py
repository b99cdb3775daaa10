"""`dwarfless min-core`: the least BTF that BPF objects need."""

from pathlib import Path

import click

__all__ = ["min_core"]


@click.command("min-core")
@click.argument("objects", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--btf", type=click.Path(path_type=Path), metavar="FILE", required=True, help="The kernel's."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    help="Where to write raw BTF.",
)
def min_core(objects: tuple[Path, ...], btf: Path, output: Path) -> None:
    """Write the types that the CO-RE relocations of OBJECTS find in a kernel.

    Given to libbpf with a program, it stands for the kernel's own BTF where that lacks it.
    """
    from dwarfless.btf.encode import encode
    from dwarfless.consumers.core.minimal import minimal
    from dwarfless.containers.bpf_object import load_object
    from dwarfless.containers.load import load
    from dwarfless.containers.output import write_atomically
    from dwarfless.graph.report import Report

    report = Report()
    graph = minimal(load(btf), map(load_object, objects), report)
    write_atomically(output, encode(graph))
    missing = sum(report.counts.values())
    click.echo(f"{len(graph) - 1:,} types; {missing:,} relocations match nothing", err=True)
