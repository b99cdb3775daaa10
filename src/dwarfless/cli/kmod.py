"""`dwarfless kmod`: an extra as a module that the kernel loads."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from dwarfless.cli.inputs import base_option, load_bases

if TYPE_CHECKING:
    from dwarfless.containers.donor import Donor
    from dwarfless.graph.type_graph import TypeGraph

__all__ = ["kernel_base", "kmod", "load_donor"]

#: Where the running kernel shows its BTF.
RUNNING: Final = Path("/sys/kernel/btf/vmlinux")


@click.command()
@click.argument("extra", metavar="EXTRA", type=click.Path(path_type=Path))
@click.option(
    "--for",
    "donor_file",
    metavar="DONOR.ko",
    type=click.Path(path_type=Path),
    help="Any module of the kernel it is for; .xz and .zst are read.",
)
@click.option(
    "--modules",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where that kernel's modules are, such as /lib/modules/6.12.1, to take any.",
)
@base_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Ends in .ko, or in .ko.xz or .ko.zst to be compressed.",
)
@click.option("--name", help="Name in the kernel; that of the file if not given.")
def kmod(
    extra: Path,
    donor_file: Path | None,
    modules: Path | None,
    bases: tuple[Path, ...],
    output: Path,
    name: str | None,
) -> None:
    """Write a module without code whose .BTF is EXTRA.

    insmod shows the extra below /sys/kernel/btf, rmmod gives its memory back. It needs no
    compiler and no headers: a module of the kernel tells what the kernel wants to see, and the
    kernel's BTF how struct module is laid out. An extra that is split over a module is put onto
    the kernel's BTF, since the kernel knows no third level. The running kernel's BTF is the base
    unless --base names another.
    """
    from dwarfless.containers.bind import bind_module
    from dwarfless.containers.load import load, read_binding
    from dwarfless.containers.module import write_module
    from dwarfless.graph.tree import rebase

    donor = load_donor(donor_file, modules)
    graph = load(extra, base=load_bases(bases) or kernel_base(donor))
    binding = bind_module(read_binding(extra), graph, donor)
    graph = rebase(graph)
    content = write_module(output, graph, donor, name=name, binding=binding)
    click.echo(f"{output}: {graph.num_own:,} types, {len(content):,} bytes, for {donor.release}")


def load_donor(donor_file: Path | None, modules: Path | None) -> "Donor":
    """Return the donor that one of two options names.

    Raises:
        UsageError: Neither option is given, or both are.
    """
    from dwarfless.containers.donor import Donor, find_donor

    if (donor_file is None) == (modules is None):
        raise click.UsageError("Give either --for DONOR.ko or --modules DIR.")
    return Donor.load(donor_file or find_donor(modules or ""))


def kernel_base(donor: "Donor") -> "TypeGraph":
    """Return the running kernel's BTF, if the donor is one of its modules.

    Raises:
        UsageError: It is another kernel's.
    """
    from dwarfless.containers.load import load

    if donor.release != os.uname().release or not RUNNING.exists():
        raise click.UsageError(f"{donor.release} is not the running kernel; name its --base.")
    return load(RUNNING)
