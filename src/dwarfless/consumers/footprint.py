"""A footprint for people: tables, and a chart.

In:  a Footprint.
Out: Markdown, or SVG that needs nothing else.
"""

from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from dwarfless.footprint import Footprint, Modules, Part, Way

__all__ = ["chart", "table"]

#: Parts a table shows; the rest is summed up.
SHOWN = 12
BAR, GAP, LABEL, WIDTH = 18, 8, 300, 820
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .raw { fill: #3b6ea8 } .zstd { fill: #9dbbdc } .small { font-size: 11px; fill: #57606a }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #8b949e } .raw { fill: #6ca0dc } .zstd { fill: #345a80 }
  }
"""


def table(footprint: Footprint) -> str:
    """Return the whole footprint as Markdown."""
    lines = [f"## {footprint.source}", ""]
    lines += ways_table(footprint.ways)
    for title, parts in (
        ("section", footprint.sections),
        ("class", footprint.classes),
        ("rule of the profile", footprint.rules),
    ):
        if parts:
            lines += ["", *parts_table(title, parts)]
    if footprint.modules is not None:
        lines += ["", *modules_table(footprint.modules)]
    return "\n".join(lines)


def ways_table(ways: Iterable[Way]) -> list[str]:
    """Return a row for each way."""
    rows = [
        [
            way.name,
            *(f"{n:,}" for n in (way.size, way.gzip, way.zstd, way.num_types, way.num_vars)),
        ]
        for way in ways
    ]
    return markdown(["BTF", "bytes", "gzip -9", "zstd -19", "types", "variables"], rows)


def parts_table(title: str, parts: Sequence[Part]) -> list[str]:
    """Return a row for each of the largest parts, and one for the rest."""
    rows = [[part.name, f"{part.num_vars:,}", f"{part.size:,}"] for part in parts[:SHOWN]]
    rest = parts[SHOWN:]
    if rest:
        total = sum(part.num_vars for part in rest), sum(part.size for part in rest)
        rows.append([f"{len(rest)} others", *(f"{number:,}" for number in total)])
    return markdown([title, "variables", "bytes"], rows)


def modules_table(modules: Modules) -> list[str]:
    """Return a row for each way of having modules' variables."""
    rows = [
        ["without variables", modules.without],
        ["variables built in", modules.built_in],
        ["extras, each over its module", modules.third_level],
        ["extras, each over the kernel", modules.second_level],
        ["all extras loaded", modules.loaded],
        ["of that, pages of module structures", modules.module_pages],
    ]
    head = f"{modules.count:,} modules, {modules.num_vars:,} variables"
    lines = markdown([head, "bytes"], [[str(name), f"{size:,}"] for name, size in rows])
    return [*lines, *(["", *(f"- failed: {text}" for text in modules.failed)][: 2 * SHOWN])]


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table; all columns but the first hold numbers."""
    rule = ["---", *("---:" for _ in heads[1:])]
    return ["| " + " | ".join(row) + " |" for row in (heads, rule, *rows)]


def chart(footprint: Footprint) -> str:
    """Return a bar chart of all ways as SVG: raw bytes, and in front what zstd leaves."""
    bars = [(way.name, way.size, way.zstd) for way in footprint.ways]
    if (modules := footprint.modules) is not None:
        bars += [
            (f"{modules.count:,} modules without variables", modules.without, 0),
            ("modules, variables built in", modules.built_in, 0),
            ("module extras, each over its module", modules.third_level, 0),
            ("module extras, each over the kernel", modules.second_level, 0),
        ]
    most = max((size for _, size, _ in bars), default=1) or 1
    height = (BAR + GAP) * len(bars) + 3 * GAP + BAR
    scale = (WIDTH - LABEL - 90) / most
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>Bytes of BTF: {escape(footprint.source)}</title>",
        f"<style>{STYLE}</style>",
    ]
    for row, (name, size, packed) in enumerate(bars):
        top = GAP + row * (BAR + GAP)
        base = top + BAR - 5
        lines += [
            f'<text x="{LABEL - 8}" y="{base}" text-anchor="end">{escape(name)}</text>',
            rectangle("raw", LABEL, top, size * scale),
            rectangle("zstd", LABEL, top, packed * scale),
            f'<text class="small" x="{LABEL + size * scale + 6:.1f}" y="{base}">{size:,}</text>',
        ]
    foot = height - GAP
    legend = "bytes of raw BTF; light: what zstd -19 leaves of it"
    lines += [f'<text class="small" x="{LABEL}" y="{foot}">{legend}</text>', "</svg>", ""]
    return "\n".join(lines)


def rectangle(kind: str, x: float, y: float, width: float) -> str:
    """Return a bar."""
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>'
