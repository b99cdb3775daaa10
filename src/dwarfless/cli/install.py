"""`dwarfless install`: extras where modprobe finds them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dwarfless.cli.inputs import base_option, load_bases
from dwarfless.cli.status import system_options

if TYPE_CHECKING:
    from dwarfless.containers.donor import Donor
    from dwarfless.host.system import System

__all__ = ["install"]


@click.command()
@click.argument("extras", metavar="[EXTRA]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--build", is_flag=True, help="Make vmlinux's extra from the debug file installed.")
@click.option("--always", is_flag=True, help="Load them by themselves from now on.")
@base_option
@click.option("--key", type=click.Path(path_type=Path), help="Private key to sign with, PEM.")
@click.option("--cert", type=click.Path(path_type=Path), help="Its certificate, PEM or DER.")
@system_options
def install(
    extras: tuple[Path, ...],
    build: bool,
    always: bool,
    bases: tuple[Path, ...],
    key: Path | None,
    cert: Path | None,
    root: Path,
    release: str | None,
) -> None:
    """Put extras below /lib/modules/RELEASE/updates, so that modprobe finds them.

    EXTRA is one of vmlinux, which becomes vmlinux-btf-extra, or of a module, which becomes
    NAME-btf; a .ko that kmod wrote keeps its name. With --always vmlinux's is loaded at boot
    (modules-load.d) and a module's after its module (a softdep in modprobe.d). An extra of
    another kernel is refused, also of another build of the same release.
    """
    from dwarfless.host.install import install as put
    from dwarfless.host.signing import sign
    from dwarfless.host.system import System

    if bool(extras) == build:
        raise click.UsageError("Give either EXTRA or --build.")
    if (key is None) != (cert is None):
        raise click.UsageError("--key and --cert go together.")
    system = System.find(root, release)
    reason = system.wants_signatures()
    if reason and key is None:
        raise click.UsageError(f"{reason}: name a --key and --cert that the kernel trusts.")
    modules = [built(system)] if build else [made(path, bases, system) for path in extras]
    if key is not None and cert is not None:
        modules = [(name, sign(content, key, cert)) for name, content in modules]
    for path in put(system, modules, always=always):
        click.echo(f"wrote {path}")


def donor_of(system: "System") -> "Donor":
    """Return a module of a kernel."""
    from dwarfless.containers.donor import Donor, find_donor

    return Donor.load(find_donor(system.modules))


def made(path: Path, bases: tuple[Path, ...], system: "System") -> tuple[str, bytes]:
    """Return the name and content of the module for an extra; a module is taken as it is.

    Raises:
        BaseMismatchError: It is for another kernel.
        UsageError: The kernel's BTF is not known.
    """
    from dwarfless.containers.bind import bind_module
    from dwarfless.containers.load import load, read_binding
    from dwarfless.containers.module import encode_module
    from dwarfless.graph.tree import rebase

    donor = donor_of(system)
    if path.name.endswith((".ko", ".ko.xz", ".ko.zst")):
        return ready(path, donor, system)
    base = load_bases(bases)
    if base is None:
        if system.base is None:
            raise click.UsageError(f"{system.release} is not running; name its BTF with --base.")
        base = load(system.base)
    graph = load(path, base=base)
    binding = bind_module(read_binding(path), graph, donor)
    refuse_mismatch(path, binding, system)
    name = f"{binding.module}-btf" if binding.module else "vmlinux-btf-extra"
    return name, encode_module(rebase(graph), donor, name, binding)


def ready(path: Path, donor: "Donor", system: "System") -> tuple[str, bytes]:
    """Return the name and content of a module that kmod wrote.

    Raises:
        BaseMismatchError: It is for another kernel.
    """
    from dwarfless.containers.bind import identify
    from dwarfless.containers.donor import Donor
    from dwarfless.containers.module import read_module
    from dwarfless.elf.image import ElfImage
    from dwarfless.errors import BaseMismatchError

    content = read_module(path)
    image = ElfImage.of_bytes(content, str(path))
    own = Donor.of_image(image)
    for key in ("vermagic", "retpoline"):
        if own.modinfo.get(key) != donor.modinfo.get(key):
            raise BaseMismatchError(
                f"{path}: its {key} is {own.modinfo.get(key)!r}; "
                f"{donor.source} says {donor.modinfo.get(key)!r}"
            )
    refuse_mismatch(path, identify(image), system)
    return path.name.partition(".ko")[0], content


def refuse_mismatch(path: Path, binding: object, system: "System") -> None:
    """Raise BaseMismatchError if an extra is another kernel's, as far as can be told."""
    import hashlib

    from dwarfless.containers.binding import Binding
    from dwarfless.errors import BaseMismatchError
    from dwarfless.host.status import mismatch

    assert isinstance(binding, Binding)
    base = system.base
    digest = hashlib.sha256(base.read_bytes()).hexdigest() if base is not None else ""
    if reason := mismatch(binding, system, digest):
        raise BaseMismatchError(f"{path}: {reason}, not for {system.release}")


def built(system: "System") -> tuple[str, bytes]:
    """Return the name and content of the extra of a kernel whose debug file is installed.

    Raises:
        BaseMismatchError: The debug file is another build's.
        UsageError: There is none.
    """
    from dwarfless.containers.bind import bind, bind_module
    from dwarfless.containers.load import load
    from dwarfless.containers.module import encode_module
    from dwarfless.encoder import encode_elf
    from dwarfless.graph.options import EncodeOptions
    from dwarfless.graph.rules import parse_only

    vmlinux = next(system.debug_files(), None)
    if vmlinux is None:
        raise click.UsageError(
            f"no vmlinux with DWARF of {system.release} is installed: install its debug package "
            "(linux-image-…-dbg, kernel-debuginfo), or make the EXTRA elsewhere."
        )
    options = EncodeOptions(only=parse_only("vars"), with_init=False)
    graph, _ = encode_elf(vmlinux, options=options, base=load(system.base or vmlinux))
    donor = donor_of(system)
    binding = bind_module(bind(vmlinux, graph), graph, donor)
    refuse_mismatch(vmlinux, binding, system)
    return "vmlinux-btf-extra", encode_module(graph, donor, "vmlinux-btf-extra", binding)
