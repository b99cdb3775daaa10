#!/usr/bin/env python3
"""Fetch real kernels, their modules and the peers we compare with.

In:  the machine's own apt, asked with private lists: neither its sources nor its packages change.
Out: paths below ``$XDG_CACHE_HOME/dwarfless``, printed one a line.

    fetch.py kernel bookworm|trixie|sid     vmlinux of Debian's cloud kernel, with DWARF
    fetch.py modules trixie xfs nvme        debug modules out of the same package
    fetch.py modules trixie --all           all of them, 2 GB
    fetch.py image trixie                   the same kernel to boot, with its modules
    fetch.py busybox                        a busybox that needs no library
    fetch.py root trixie                    what builds and loads that kernel's modules, a root
    fetch.py peers                          pahole and bpftool from sid, with their libraries

Layout of the cache: ``apt/SUITE`` lists, ``debs`` packages, ``kernels/SUITE``, ``images/SUITE``,
``roots/SUITE`` and ``peers/sid`` what was unpacked. A file that is there is complete: it was
renamed into place. Nothing is fetched twice, no root is needed, and a second run waits for the
first.

The mirror is the one in the machine's apt configuration, or ``$DWARFLESS_MIRROR``.
"""

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from private_apt import Apt, FetchError

__all__ = [
    "Apt",
    "FetchError",
    "all_modules",
    "busybox",
    "cache_root",
    "find_busybox",
    "find_image",
    "find_kernel",
    "find_module",
    "find_peers",
    "image",
    "kernel",
    "locked",
    "modules",
    "peer_command",
    "peers",
    "release_of",
    "root",
    "unpack",
    "unpack_all",
]

SUITES = ("bookworm", "trixie", "sid")
KERNEL = "linux-image-cloud-amd64-dbg"
PEERS = ("pahole", "bpftool")
#: What the kernel's own modules were built with.
COMPILERS = {"bookworm": "gcc-12", "trixie": "gcc-14"}
#: The rest of a root; a compiler is added, and the kernel's headers.
ROOT_PACKAGES = (
    *("bash", "binutils", "coreutils", "dash", "diffutils", "findutils", "gawk", "grep", "gzip"),
    *("kmod", "make", "patch", "sed", "systemd", "xz-utils"),
)
#: Marks a folder that holds every module of its kernel.
ALL_THERE = ".all-modules"


def cache_root() -> Path:
    """Return where everything fetched lives."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "dwarfless"


def find_kernel(suite: str) -> Path | None:
    """Return the cached vmlinux of a suite, if it is there."""
    debug = cache_root() / "kernels" / suite / "usr/lib/debug"
    places = [*debug.glob("boot/vmlinux-*"), *debug.glob("lib/modules/*/vmlinux")]
    return next((place.resolve() for place in sorted(places) if place.is_file()), None)


def release_of(vmlinux: Path) -> str:
    """Return the release that a cached vmlinux is of, as uname prints it."""
    return vmlinux.parent.name if vmlinux.name == "vmlinux" else vmlinux.name[8:]


def find_module(suite: str, name: str) -> Path | None:
    """Return the cached debug file of one module; ``-`` and ``_`` in its name are the same."""
    folder = cache_root() / "kernels" / suite / "usr/lib/debug/lib/modules"
    wanted = name.removesuffix(".ko").replace("-", "_")
    found = (path for path in folder.rglob("*.ko") if path.stem.replace("-", "_") == wanted)
    return next(found, None)


def find_image(suite: str) -> Path | None:
    """Return the cached kernel image of a suite, its modules beside it, if it is there."""
    return next((cache_root() / "images" / suite).glob("**/vmlinuz*"), None)


def find_busybox() -> Path | None:
    """Return the cached statically linked busybox, if it is there."""
    return next((cache_root() / "busybox").glob("usr/bin/busybox"), None)


def find_peers() -> Path | None:
    """Return the folder of the unpacked peers, if it is there."""
    folder = cache_root() / "peers" / "sid"
    return folder if (folder / "usr/bin/pahole").exists() else None


def peer_command(name: str) -> list[str]:
    """Return the command that runs a cached peer with the libraries unpacked beside it."""
    folder = find_peers()
    if folder is None:
        raise FetchError(f"{name} is not in the cache: run tools/fetch.py peers")
    loader = next(folder.glob("usr/lib*/**/ld-linux-x86-64.so.2"))
    libraries = folder / "usr/lib/x86_64-linux-gnu"
    program = next(folder.glob(f"usr/*bin/{name}"))
    return [str(loader), "--library-path", str(libraries), str(program)]


@contextmanager
def locked() -> Iterator[Path]:
    """Hold the cache's lock; give its root."""
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with open(root / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("fetch: waiting for another run", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield root


def unpack(
    deb: Path, target: Path, patterns: Sequence[str] = (), *, keep_deb: bool = True
) -> None:
    """Unpack a package, or what matches patterns, below a folder; existing files are replaced."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".unpack-") as folder:
        reader = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
        extract = ["tar", "-x", "--no-same-owner", "-C", folder]
        if patterns:
            extract += ["--wildcards", *patterns]
        # A pattern that matches nothing is for the caller to notice.
        noise = subprocess.DEVNULL if patterns else None
        done = subprocess.run(extract, stdin=reader.stdout, stderr=noise, check=False)
        assert reader.stdout is not None
        reader.stdout.close()
        if reader.wait() or (done.returncode and not patterns):
            raise FetchError(f"{deb} is damaged: remove it")
        for path in sorted(Path(folder).rglob("*"), key=os.fspath):
            place = target / path.relative_to(folder)
            if path.is_dir() and not path.is_symlink():
                place.mkdir(exist_ok=True)
            else:
                path.replace(place)
    if not keep_deb:
        deb.unlink()


def kernel(suite: str, *, keep_deb: bool = True) -> Path:
    """Return the vmlinux of a suite's cloud kernel, fetched when missing."""
    with locked() as root:
        if found := find_kernel(suite):
            return found
        apt = Apt(root, suite)
        # sid's depends on a linux-base of its own, too.
        (deb,) = apt.download([apt.newest(KERNEL, "linux-image-*-dbg")])
        print(f"fetch: unpacking {deb.name}", file=sys.stderr)
        # The one that isn't the file is a link to it.
        vmlinux = ["./usr/lib/debug/boot/vmlinux-*", "./usr/lib/debug/lib/modules/*/vmlinux"]
        unpack(deb, root / "kernels" / suite, vmlinux, keep_deb=keep_deb)
        if found := find_kernel(suite):
            return found
        raise FetchError(f"{deb.name} holds no vmlinux")


def modules(suite: str, names: Sequence[str], *, keep_deb: bool = True) -> list[Path]:
    """Return the debug files of modules of the kernel that is in the cache."""
    vmlinux = kernel(suite)
    with locked() as root:
        missing = [name for name in names if not find_module(suite, name)]
        if missing:
            (deb,) = Apt(root, suite).download([f"linux-image-{release_of(vmlinux)}-dbg"])
            print(f"fetch: unpacking {', '.join(missing)}", file=sys.stderr)
            stems = [name.removesuffix(".ko").replace("_", "[-_]") for name in missing]
            unpack(
                deb,
                root / "kernels" / suite,
                [f"./*/kernel/*/{stem}.ko" for stem in stems],
                keep_deb=keep_deb,
            )
        found = [(name, find_module(suite, name)) for name in names]
        if lost := [name for name, path in found if path is None]:
            raise FetchError(f"the {suite} kernel has no module {', '.join(lost)}")
        return [path for _, path in found if path is not None]


def image(suite: str, *, keep_deb: bool = True) -> Path:
    """Return the image of the kernel that is in the cache; its modules are unpacked with it."""
    vmlinux = kernel(suite)
    with locked() as root:
        if found := find_image(suite):
            return found
        apt, release = Apt(root, suite), release_of(vmlinux)
        # Since forky the image is split over packages.
        split = [f"linux-binary-{release}", f"linux-modules-{release}"]
        names = split if apt.has(split[0]) else [f"linux-image-{release}"]
        unpack_all(apt.download(names), root / "images" / suite, keep_deb=keep_deb)
        if found := find_image(suite):
            return found
        raise FetchError(f"{', '.join(names)} hold no vmlinuz")


def busybox(*, keep_deb: bool = True) -> Path:
    """Return a statically linked busybox, fetched when missing."""
    with locked() as root:
        if found := find_busybox():
            return found
        debs = Apt(root, "trixie").download(["busybox-static"])
        unpack_all(debs, root / "busybox", keep_deb=keep_deb)
        if found := find_busybox():
            return found
        raise FetchError("busybox-static holds no busybox")


def unpack_all(debs: Sequence[Path], folder: Path, *, keep_deb: bool) -> None:
    """Unpack packages whole into a folder that appears when it is complete."""
    partial = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(partial, ignore_errors=True)
    for deb in debs:
        print(f"fetch: unpacking {deb.name}", file=sys.stderr)
        unpack(deb, partial, keep_deb=keep_deb)
    partial.replace(folder)


def all_modules(suite: str, *, keep_deb: bool = True) -> Path:
    """Return the folder that holds all debug modules of the kernel that is in the cache."""
    release = release_of(kernel(suite))
    with locked() as root:
        folder = root / "kernels" / suite / "usr/lib/debug/lib/modules" / release
        if not (folder / ALL_THERE).exists():
            (deb,) = Apt(root, suite).download([f"linux-image-{release}-dbg"])
            print("fetch: unpacking all modules", file=sys.stderr)
            unpack(deb, root / "kernels" / suite, ["./*/kernel/*.ko"], keep_deb=keep_deb)
            (folder / ALL_THERE).touch()
        return folder


def peers(*, keep_deb: bool = True) -> Path:
    """Return the folder that holds pahole and bpftool, fetched when missing."""
    with locked() as root:
        if found := find_peers():
            return found
        apt = Apt(root, "sid")
        folder = root / "peers" / "sid"
        unpack_all(apt.download(apt.closure(PEERS, libraries=True)), folder, keep_deb=keep_deb)
        return folder


def root(suite: str, *, keep_deb: bool = True) -> Path:
    """Return a root with the headers of the kernel in the cache, its compiler, kmod and DKMS.

    Packages are unpacked, their scripts not run. Use a copy: cached files must not change.
    """
    release = release_of(kernel(suite))
    with locked() as cache:
        folder = cache / "roots" / suite
        if folder.exists():
            return folder
        apt, headers = Apt(cache, suite), f"linux-headers-{release}"
        beside = [name for name in apt.depends(headers) if name.startswith("linux-headers-")]
        tools = [name for name in apt.depends(headers) if name.startswith("linux-kbuild-")]
        names = apt.closure([*ROOT_PACKAGES, COMPILERS[suite], *tools])
        # Headers want the kernel itself, DKMS a whole Perl to make packages.
        debs = apt.download([*names, headers, *beside, "dkms"])
        partial = folder.with_name(f".{suite}.new")
        shutil.rmtree(partial, ignore_errors=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (partial / "usr" / name).mkdir(parents=True)
            (partial / name).symlink_to(f"usr/{name}")
        print(f"fetch: unpacking {len(debs)} packages", file=sys.stderr)
        for deb in debs:
            unpack(deb, partial, keep_deb=keep_deb)
        for name in ("dev", "proc", "sys", "run", "tmp"):
            (partial / name).mkdir(exist_ok=True)
        (partial / "usr/bin/awk").symlink_to("gawk")
        partial.replace(folder)
        return folder


def main() -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description="Fetch real kernels, modules and peers.")
    parser.add_argument("--delete-debs", action="store_true", help="keep only what is unpacked")
    what = parser.add_subparsers(dest="what", required=True)
    sub = what.add_parser("kernel", help="vmlinux with DWARF")
    sub.add_argument("suite", choices=SUITES, nargs="+")
    sub = what.add_parser("modules", help="debug modules")
    sub.add_argument("suite", choices=SUITES)
    sub.add_argument("name", nargs="*")
    sub.add_argument("--all", action="store_true", help="every module of the kernel")
    sub = what.add_parser("image", help="a kernel to boot, with its modules")
    sub.add_argument("suite", choices=SUITES, nargs="+")
    sub = what.add_parser("root", help="what builds and loads a kernel's modules, as a root")
    sub.add_argument("suite", choices=list(COMPILERS), nargs="+")
    what.add_parser("busybox", help="a busybox that needs no library")
    what.add_parser("peers", help="pahole and bpftool")
    arguments = parser.parse_args()
    keep_deb = not arguments.delete_debs
    try:
        if arguments.what == "modules":
            suite, names = arguments.suite, arguments.name
            every = [all_modules(suite, keep_deb=keep_deb)] if arguments.all else []
            paths = every + modules(suite, names, keep_deb=keep_deb)
        elif arguments.what in ("kernel", "image", "root"):
            one = {"kernel": kernel, "image": image, "root": root}[arguments.what]
            paths = [one(suite, keep_deb=keep_deb) for suite in arguments.suite]
        else:
            paths = [(busybox if arguments.what == "busybox" else peers)(keep_deb=keep_deb)]
    except (FetchError, OSError) as error:
        print(f"fetch: {error}", file=sys.stderr)
        return 1
    print(*paths, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
