"""Programs for the guest that need more than busybox.

In:  a program's name.
Out: files for boot(put=…): the program, the libraries it is linked with, and a starter.
"""

import subprocess
from pathlib import Path

import fetch

__all__ = ["peer"]


def peer(name: str) -> dict[str, Path | bytes]:
    """Return a peer, such as bpftool, as /bin/NAME.

    Raises:
        FetchError: It can't be fetched.
    """
    root = fetch.find_peers() or fetch.peers()
    loader, _, libraries, program = fetch.peer_command(name)
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
