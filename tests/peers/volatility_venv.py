"""Volatility 3 in an environment of its own, below the cache.

In:  the package index that this machine uses.
Out: a Python with Volatility and jsonschema, made once.
"""

import functools
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from support import load_fetch, running_in_ci

__all__ = ["VERSION", "python", "run_plugins", "validate"]

VERSION = "2.28.2"
PLUGINS = Path(__file__).with_name("volatility_plugins.py")
#: Prints what is wrong with a file by a schema that Volatility ships, or nothing.
VALIDATE = """\
import json, sys, jsonschema, volatility3
from pathlib import Path
folder = Path(volatility3.__path__[0]) / "schemas"
schema = json.loads((folder / f"schema-{sys.argv[2]}.json").read_text())
content = json.loads(Path(sys.argv[1]).read_text())
for error in jsonschema.Draft4Validator(schema).iter_errors(content):
    print(list(error.path), error.message[:200])
"""


@functools.cache
def python() -> Path:
    """Return its Python; skips, or fails in CI, where Volatility can't be had."""
    root: Path = load_fetch().cache_root()
    folder = root / f"venv-volatility3-{VERSION}"
    path = folder / "bin" / "python"
    if not path.exists() or subprocess.run([path, "-c", "import jsonschema"]).returncode:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        command = [folder / "bin" / "pip", "install", "-q", f"volatility3=={VERSION}"]
        command += ["jsonschema", "capstone"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            problem = f"Volatility {VERSION}: {done.stderr.strip().splitlines()[-1]}"
            if running_in_ci():
                pytest.fail(f"CI needs it: {problem}", pytrace=False)
            pytest.skip(f"NOT TESTED, can't fetch {problem}")
    return path


def validate(path: Path, version: str) -> str:
    """Return what is wrong with an ISF by a version of the schema."""
    return _run("-c", VALIDATE, path, version)


def run_plugins(symbols: Path, cache: Path, image: Path, names: Sequence[str]) -> Any:
    """Return the rows that plugins make of a raw image, by plugin.

    Args:
        symbols: Folder that holds linux/*.json.xz.
        cache: Folder for what Volatility keeps.
        image: Physical memory from address 0.
        names: Such as linux.pslist.
    """
    cache.mkdir(exist_ok=True)
    lines = _run(PLUGINS, symbols, cache, image, *names).splitlines()
    return {said["plugin"]: said["rows"] for said in map(json.loads, lines)}


def _run(*arguments: str | Path) -> str:
    done = subprocess.run([python(), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
