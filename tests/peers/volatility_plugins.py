#!/usr/bin/env python3
"""Run plugins of Volatility on a memory image.

    volatility_plugins.py SYMBOLS CACHE IMAGE PLUGIN… > rows.jsonl

In:  folders of symbols and for what Volatility keeps; a raw image; plugins such as linux.pslist.
Out: a line a plugin: {"plugin": name, "seconds": …, "rows": [[…], …]}; an error is a row.

Runs in Volatility's environment, in one process; the layers that the first plugin finds are what
the others get.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import volatility3.plugins
from volatility3 import framework, schemas, symbols
from volatility3.framework import automagic, constants, contexts, interfaces, plugins


def prepare(folder: Path, cache: Path) -> dict[str, Any]:
    """Make Volatility look nowhere else; return its plugins."""
    symbols.__path__ = [str(folder.resolve()), *symbols.__path__]
    constants.CACHE_PATH = str(cache.resolve())
    constants.OFFLINE = True
    # To validate a kernel's file takes a minute; tests do so with smaller ones.
    schemas.validate = lambda *_: True
    framework.import_files(volatility3.plugins, True)
    found: dict[str, Any] = framework.list_plugins()
    return found


def cell(value: Any) -> Any:
    """Return a value of a row as JSON has it."""
    if isinstance(value, interfaces.renderers.BaseAbsentValue):
        return type(value).__name__
    if isinstance(value, bytes):
        return value.hex()
    return int(value) if isinstance(value, int) else str(value)


def rows_of(plugin: Any) -> list[Any]:
    """Return all rows of a plugin, each with its depth."""
    rows: list[Any] = []

    def visit(node: Any, accumulator: Any) -> Any:
        rows.append([node.path_depth, *map(cell, node.values)])
        return accumulator

    grid = plugin.run()
    error = grid.populate(visit, None, fail_on_errors=False)
    return [*rows, *([f"{type(error).__name__}: {error}"] if error else [])]


def run(image: Path, chosen: dict[str, Any]) -> None:
    """Run plugins one after the other, and print what each says."""
    layers: Any = None
    for name, plugin in chosen.items():
        start = time.process_time()
        context = contexts.Context()
        context.config["automagic.LayerStacker.single_location"] = image.resolve().as_uri()
        place = interfaces.configuration.path_join("plugins", plugin.__name__)
        if layers is not None:
            context.config.merge(place, layers)
        magic = automagic.choose_automagic(automagic.available(context), plugin)
        try:
            made = plugins.construct_plugin(context, magic, plugin, "plugins", None, None)
            if layers is None:
                layers = made.build_configuration()
            rows = rows_of(made)
        except Exception as error:
            rows = [f"{type(error).__name__}: {error}"]
        seconds = time.process_time() - start
        print(json.dumps({"plugin": name, "seconds": seconds, "rows": rows}), flush=True)


def main() -> None:
    """Run the plugins that the command line names."""
    folder, cache, image, *names = sys.argv[1:]
    known = prepare(Path(folder), Path(cache))
    chosen = {
        name: next(plugin for full, plugin in known.items() if full.startswith(f"{name}."))
        for name in names
    }
    run(Path(image), chosen)


if __name__ == "__main__":
    main()
