"""Programs for the guest that need more than busybox.

In:  a program's name.
Out: files for boot(put=…): the program, the libraries it is linked with, and a starter.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import fetch

__all__ = ["peer", "with_libraries"]


def peer(name: str) -> dict[str, Path | bytes]:
    """Return a peer, such as bpftool, as /bin/NAME.

    Raises:
        FetchError: It can't be fetched.
    """
    if fetch.find_peers() is None:
        fetch.peers()
    return with_libraries(name, fetch.peer_command(name))


def with_libraries(name: str, command: Sequence[str]) -> dict[str, Path | bytes]:
    """Return a program that is started by the peers' loader as /bin/NAME.

    Args:
        name: What it is called in the guest.
        command: The loader, its option, the folder of libraries, the program.
    """
    root = fetch.find_peers()
    loader, _, libraries, program = command
    listing = subprocess.run(
        [loader, "--library-path", libraries, "--list", program],
        capture_output=True,
        text=True,
        check=True,
    )
    # NAME => PATH (ADDRESS); the loader itself and the vDSO have no arrow or lie elsewhere.
    linked = [line.split()[2] for line in listing.stdout.splitlines() if "=>" in line]
    files = [Path(path) for path in linked if Path(path).is_relative_to(root)]
    place = f"/opt/{name}"
    start = f'#!/bin/sh\nexec {place}/loader --library-path {place} {place}/{name} "$@"\n'
    return {
        **{f"{place}/{path.name}": path.resolve() for path in files},
        f"{place}/loader": Path(loader).resolve(),
        f"{place}/{name}": Path(program).resolve(),
        f"/bin/{name}": start.encode(),
    }
