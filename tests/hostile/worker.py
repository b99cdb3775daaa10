"""Encode inputs one after the other under limits, and say how each went.

In:  on stdin, for each input its length in 8 bytes, then an ELF file.
Out: on stdout a line each: "encoded", "refused: message" or "escaped: traceback".

To encode means here: DWARF to graph, graph to bytes, and the bytes read back and listed; and then
the variables over what came out, by the types it has.
"""

import os
import resource
import sys
import tempfile
import traceback
from pathlib import Path

from dwarfless.btf.decode import decode
from dwarfless.btf.encode import encode
from dwarfless.consumers.listing import listing
from dwarfless.encoder import encode_elf
from dwarfless.errors import DwarflessError
from dwarfless.graph.options import DEFAULT_FEATURES, EncodeOptions
from dwarfless.graph.rules import parse_only

#: Bytes of address space; what is here already takes some hundred MiB of it.
ADDRESS_SPACE = 3 << 30
OPTIONS = EncodeOptions(features=DEFAULT_FEATURES | {"global_var"})
EXTRA = EncodeOptions(only=parse_only("vars,local,declarations"), same_dwarf=True)


def outcome(path: Path) -> str:
    """Return how encoding a file went, in one line."""
    try:
        graph, _ = encode_elf(path, options=OPTIONS, jobs=2, progress=None)
        listing(decode(encode(graph)))
        encode_elf(path, options=EXTRA, base=graph, jobs=1)
    except DwarflessError as error:
        return f"refused: {type(error).__name__}: {error}".replace("\n", "\\n")
    except BaseException:
        return f"escaped: {traceback.format_exc()}".replace("\n", "\\n")
    return "encoded"


def main() -> None:
    """Answer until stdin ends."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input"
        while header := sys.stdin.buffer.read(8):
            path.write_bytes(sys.stdin.buffer.read(int.from_bytes(header, "little")))
            print(outcome(path), file=answers)


if __name__ == "__main__":
    main()
