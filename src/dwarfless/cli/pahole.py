"""`dwarfless-pahole`: what the kernel's build calls pahole for.

In:  pahole's command line, ELF files with DWARF.
Out: .BTF in the files themselves, or raw BTF in another; exit status 0 only if all was written.

The build asks for `--version` and chooses options by it; docs/pahole.md tells each one's effect.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dwarfless.errors import DwarflessError

if TYPE_CHECKING:
    from dwarfless.cli.pahole_options import Request
    from dwarfless.graph.match import Base
    from dwarfless.graph.options import EncodeOptions
    from dwarfless.graph.report import Report

__all__ = ["main", "run"]

#: The pahole whose output ours is compared with: with it, kernels of 6.1 to 7.2 ask for the
#: features that are here (from 1.26 by name, from 1.31 `layout`).
VERSION: Final = (1, 32)
#: EX_USAGE of sysexits.h, as pahole's argp has it.
USAGE: Final = 64


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Do what a command line asks for; return the exit status."""
    if list(arguments) == ["--version"]:
        # Linux 6.1 asks this some thousand times in a build.
        print(shown("version"))
        return 0
    from dwarfless.cli.pahole_options import UsageError, parse

    try:
        request = parse(arguments)
        if request.show:
            print(shown(request.show))
            return 0
        for note in request.notes:
            _complain(note)
        return encode_files(request)
    except UsageError as error:
        _complain(f"{error}; see --help")
        return USAGE
    except (DwarflessError, OSError, MemoryError) as error:
        _complain(_one_line(error))
        return 1
    except KeyboardInterrupt:
        return 130


def shown(what: str) -> str:
    """Return what an option that only prints prints."""
    if what == "version":
        return f"v{VERSION[0]}.{VERSION[1]}"
    if what == "numeric version":
        return f"{VERSION[0]}{VERSION[1]}"
    from dwarfless.cli.pahole_options import OPTIONS, SUPPORTED_FEATURES

    if what == "features":
        return ",".join(SUPPORTED_FEATURES)
    lines = ["Usage: dwarfless-pahole -J [OPTION...] FILE...", "", "Write BTF as pahole does.", ""]
    forms = {"": "", "required": "=VALUE", "optional": "[=VALUE]"}
    for name, option in OPTIONS.items():
        short = f"-{option.short}, " if option.short else "    "
        lines.append(f"  {short}--{name}{forms[option.value]}")
    return "\n".join(lines)


def encode_files(request: "Request") -> int:
    """Encode each file; one that fails stops none of the others, and makes the status 1."""
    from dwarfless.containers.load import load
    from dwarfless.graph.match import Base
    from dwarfless.graph.options import EncodeOptions

    features = frozenset(request.features)
    if "distilled_base" in features and (request.detached or not request.base):
        _complain("distilled_base needs --btf_base and a file to go into, and is ignored")
        features -= {"distilled_base"}
    options = EncodeOptions(
        features=features,
        only=frozenset({"percpu", "global", "static"}) if request.only_variables else None,
        with_init=not request.only_variables,
        lang_exclude=request.lang_exclude,
    )
    base = Base(load(request.base)) if request.base else None
    failed = False
    for file in request.files:
        try:
            encode_file(file, request, options, base)
        except (DwarflessError, OSError, MemoryError) as error:
            _complain(_one_line(error))
            failed = True
    return 1 if failed else 0


def encode_file(
    file: Path, request: "Request", options: "EncodeOptions", base: "Base | None"
) -> None:
    """Write one file's BTF, into itself or beside it.

    Raises:
        DwarflessError: It can't be encoded.
        OSError: It can't be read or written.
    """
    from dwarfless.btf.encode import encode
    from dwarfless.containers.in_place import embed
    from dwarfless.containers.output import write_atomically
    from dwarfless.encoder import encode_elf

    graph, report = encode_elf(file, options=options, base=base, jobs=request.jobs)
    layout = "layout" in options.features and base is None
    btf = encode(graph, byte_order=report.byte_order, layout=layout, report=report)
    distilled = b""
    if "distilled_base" in options.features and graph.base is not None:
        distilled = encode(graph.base, byte_order=report.byte_order)
    if request.verbose:
        print(f"{file}: {graph.num_own} types, {len(btf)} bytes", *told(report), sep="\n  ")
    if request.detached:
        write_atomically(request.detached, btf)
    else:
        embed(file, btf, distilled=distilled)


def told(report: "Report") -> list[str]:
    """Return a line for each reason for which something was left out."""
    return [f"{number} {what}: {reason}" for what, reason, number in report.summary()]


def _complain(message: str) -> None:
    print(f"dwarfless-pahole: {' '.join(message.split())}", file=sys.stderr)


def _one_line(error: BaseException) -> str:
    """Return what went wrong, with the file it is about."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
