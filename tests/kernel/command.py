"""Boot a real kernel in QEMU and run a script in it.

    lab boot 6.12 --run 'insmod extra.ko; ls /sys/kernel/btf' --put extra.ko
    lab boot 6.1 --module nf_conntrack --run 'cat /proc/modules'
    lab boot build/bzImage --modules build/lib/modules/6.12.0 --cmdline btf_extra=always
    lab vmcore 7.2 --run 'insmod extra.ko' --put extra.ko -o vmcore

The exit status is the script's; 120 means that it never came to an end, or was never begun.
"""

import argparse
import sys
from pathlib import Path

from fetch import FetchError
from kernel.guest import boot
from kernel.images import SUITES, LabError, find_kernel

__all__ = ["main"]


def placed(text: str) -> tuple[str, Path]:
    """Read FILE or FILE:PLACE."""
    name, _, place = text.partition(":")
    return place or Path(name).name, Path(name)


def command_line() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_subparsers(dest="what", required=True)
    for name, text in (("boot", "run a script"), ("vmcore", "write the memory after a script")):
        sub = what.add_parser(name, help=text)
        sub.add_argument(
            "kernel", help=f"{', '.join(SUITES)}, a suite, an image, or a folder with one"
        )
        sub.add_argument("--run", default="true", metavar="SCRIPT", help="for busybox's sh")
        sub.add_argument("--put", action="append", default=[], type=placed, metavar="FILE[:PLACE]")
        sub.add_argument("--module", action="append", default=[], metavar="NAME")
        sub.add_argument("--modules", type=Path, metavar="DIR", help="the kernel's, for --module")
        sub.add_argument("--cmdline", default="", help="added to the kernel's")
        sub.add_argument("--memory", type=int, default=1024, metavar="MIB")
        sub.add_argument("--timeout", type=float, default=180, metavar="SECONDS")
        sub.add_argument("--console", action="store_true", help="kernel messages, to stderr")
        sub.set_defaults(output=None)
    sub.add_argument("-o", "--output", type=Path, required=True, help="the core file")
    return parser


def main() -> int:
    """Run the command line; return the script's status."""
    options = command_line().parse_args()
    try:
        outcome = boot(
            find_kernel(options.kernel, options.modules),
            options.run,
            put=dict(options.put),
            modules=options.module,
            arguments=options.cmdline,
            memory=options.memory,
            timeout=options.timeout,
            vmcore=options.output,
        )
    except (LabError, FetchError, OSError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 120
    sys.stdout.buffer.write(outcome.output)
    if options.console:
        print(outcome.console, file=sys.stderr)
    return outcome.status
