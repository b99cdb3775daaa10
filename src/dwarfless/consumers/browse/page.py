"""A kernel's BTF as one web page, which needs no network and no server.

In:  one TypeGraph, or two to compare.
Out: HTML. It carries the BTF itself, deflated, and the script that reads it there.

The page's parts lie beside this file. Its scripts are modules that import each other; here they
become one, in the order in which they need each other.
"""

import base64
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np

from dwarfless.containers.binding import Binding
from dwarfless.formats.btf import KINDS
from dwarfless.graph.levels import levels
from dwarfless.graph.section_bytes import section_bytes
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["BrowseInput", "render"]

#: Where the script starts; the modules it imports come before it.
MAIN: Final = "app"
STYLES: Final = ("page.css", "views.css")
IMPORT: Final = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";\n', re.M)
EXPORT: Final = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.M)


@dataclass(frozen=True)
class BrowseInput:
    """One program to show.

    Attributes:
        graph: Its types, with all levels.
        name: What to call it, such as a kernel's release.
        binding: Where its sections are, if known.
    """

    graph: TypeGraph
    name: str
    binding: Binding | None = None


def render(programs: Sequence[BrowseInput]) -> bytes:
    """Return the page.

    Args:
        programs: One, or two that are shown side by side.

    Cost: 0.4 s and 2.5 MB for a kernel of 135,000 types.
    """
    title = " and ".join(program.name for program in programs)
    parts = {
        "title": _escape(title),
        "styles": "\n".join(map(_read, STYLES)),
        "facts": _json({"programs": [_facts(p) for p in programs]}),
        "contents": "\n".join(_content(program.graph) for program in programs),
        "script": script(),
    }
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _read("page.html"))
    # File names may hold bytes that are no UTF-8.
    return page.encode(errors="replace")


def script() -> str:
    """Return all modules as one script: each a function's scope that returns what it exports."""
    texts: dict[str, str] = {"kinds": _kinds()}

    def add(name: str) -> None:
        text = _read(f"{name}.js")
        for _, needed in IMPORT.findall(text):
            if needed not in texts:
                add(needed)
        text = IMPORT.sub(r"const {\1} = $\2;\n", text)
        names = ", ".join(EXPORT.findall(text))
        text = EXPORT.sub(lambda match: match[0].removeprefix("export "), text)
        body = f"const ${name} = (() => {{\n{text}\nreturn {{ {names} }};\n}})();"
        texts[name] = text if name == MAIN else body

    add(MAIN)
    return "\n".join(texts.values())


def _kinds() -> str:
    """Return the module that says what records hold: each kind's name and numbers of words."""
    rows = [[row.kind.name, len(row.fixed), len(row.element)] for row in KINDS]
    return f"const $kinds = {{ KINDS: {json.dumps(rows)} }};"


def _facts(program: BrowseInput) -> dict[str, object]:
    """Return what the page is told beside the BTF."""
    binding = program.binding
    sections = {} if binding is None else {s.name: s for s in binding.sections if not s.relative}
    return {
        "name": program.name,
        "levels": [
            {"file": level.source.rpartition("/")[2], "first": level.first_id}
            for level in levels(program.graph)
        ],
        # As text: JSON's numbers are too short for addresses.
        "sections": {
            name: {"address": hex(section.address), "perCpu": section.per_cpu}
            for name, section in sections.items()
        },
    }


def _content(graph: TypeGraph) -> str:
    """Return all levels as one BTF, deflated, in base64.

    Ids and string offsets of split BTF go on where its base ends, so a base and what is split
    over it, one after the other, are whole BTF.
    """
    parts = levels(graph)
    unknown = {kind: shape for level in parts for kind, shape in level.unknown_kinds.items()}
    whole = TypeGraph.from_words(
        np.concatenate([level.words for level in parts]),
        b"".join(level.strings for level in parts),
        source=graph.source,
        unknown_kinds=unknown,
    )
    packed = base64.b64encode(zlib.compress(section_bytes(whole), 6)).decode()
    return f'<script type="text/plain" class="btf">{packed}</script>'


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _json(value: object) -> str:
    """Return JSON that ends no <script>."""
    return json.dumps(value).replace("<", "\\u003c")
