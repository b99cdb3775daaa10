#!/usr/bin/env python3
"""Make the manual's pictures of pages, as PNG.

    tools/screenshots.py browse     # docs/images/*.png, from Debian's 6.12 and 7.2
    tools/screenshots.py page.html docs/images/page.png [--dark] [--size 1280x800]

Wants Chromium, and for the first the kernels that tools/fetch.py fetches, with their extras, which
it makes.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

import fetch
from browser import Browser, find_chromium

ROOT: Final = Path(__file__).resolve().parent.parent
IMAGES: Final = ROOT / "docs" / "images"
READY: Final = "document.documentElement.dataset.ready"
#: What the kernels are called where their difference is shown.
DIFF: Final = ("vmlinux-6.12", "vmlinux-7.2")
SEARCH: Final = (
    "(() => { const box = document.getElementById('search'); box.focus();"
    "box.value = 'kmem alloc'; box.dispatchEvent(new Event('input')); })()"
)


class Shot(NamedTuple):
    """One picture.

    Attributes:
        name: Of its file.
        kernels: How many kernels the page shows.
        address: What it shows of them.
        scheme: "light" or "dark".
        size: Width and height, in CSS pixels.
        script: Run before the picture is taken.
    """

    name: str
    kernels: int
    address: str
    scheme: str = "light"
    size: tuple[int, int] = (1280, 800)
    script: str = "true"


SHOTS: Final = (
    Shot("struct", 1, "struct/rq"),
    Shot("overview", 1, ""),
    Shot("search", 1, "struct/kmem_cache", script=SEARCH),
    Shot("sizes", 1, "sizes/types", "dark"),
    Shot("compare", 2, "struct/task_struct", "dark"),
    Shot("phone", 1, "struct/sk_buff", "dark", (390, 760)),
)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("page", help='a page, or "browse"')
    parser.add_argument("output", nargs="?", type=Path, help="where the picture of a page goes")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--size", default="1280x800", metavar="WIDTHxHEIGHT")
    args = parser.parse_args()
    program = find_chromium() or sys.exit("screenshots: no chromium")
    if args.page == "browse":
        IMAGES.mkdir(exist_ok=True)
        browse(program)
        return
    if args.output is None:
        parser.error("where does the picture go?")
    width, height = map(int, args.size.split("x"))
    with Browser(program, width=width, height=height) as browser:
        browser.prefer("dark" if args.dark else "light")
        browser.open(Path(args.page), ready="document.readyState === 'complete'")
        args.output.write_bytes(browser.screenshot())


def browse(program: str) -> None:
    """Take all pictures of `dwarfless browse`, and of `diff --html`."""
    with tempfile.TemporaryDirectory() as folder, Browser(program) as browser:
        files = [kernel_files(suite, Path(folder)) for suite in ("trixie", "sid")]
        pages = [Path(folder) / "1.html", Path(folder) / "2.html"]
        run("browse", *files[0], "-o", pages[0])
        run("browse", *files[0], *files[1], "-o", pages[1])
        for shot in SHOTS:
            take(browser, pages[shot.kernels - 1], shot)
        page = Path(folder) / "diff.html"
        for name, (vmlinux, _) in zip(DIFF, files, strict=True):
            (Path(folder) / name).symlink_to(vmlinux)
        run("diff", *DIFF, "--html", page, expected=1, folder=Path(folder))
        browser.resize(1280, 800)
        browser.prefer("light")
        browser.open(page, ready="document.readyState === 'complete'")
        browser.run("new Promise((done) => setTimeout(done, 500))")
        (IMAGES / "diff.png").write_bytes(browser.screenshot())


def kernel_files(suite: str, folder: Path) -> list[Path]:
    """Return a kernel's vmlinux and its extra."""
    vmlinux = fetch.find_kernel(suite) or fetch.kernel(suite)
    extra = folder / f"{suite}-extra"
    run("extra", vmlinux, "-o", extra)
    return [vmlinux, extra]


def run(*args: str | Path, expected: int = 0, folder: Path = ROOT) -> None:
    """Run dwarfless; another exit status than what is expected is an error."""
    command = "from dwarfless.cli.main import main; main()"
    words = [sys.executable, "-c", command, *map(str, args)]
    done = subprocess.run(words, check=False, cwd=folder)
    if done.returncode != expected:
        sys.exit(f"screenshots: dwarfless {args[0]} ended with {done.returncode}")


def take(browser: Browser, page: Path, shot: Shot) -> None:
    """Take one picture."""
    browser.resize(*shot.size)
    browser.prefer(shot.scheme)
    browser.open(page, ready=READY)
    browser.run(f"location.hash = '{shot.address}'")
    browser.wait("document.querySelector('article')")
    browser.run("new Promise((done) => setTimeout(done, 500))")
    browser.run(shot.script)
    path = IMAGES / f"browse-{shot.name}.png"
    path.write_bytes(browser.screenshot())
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
