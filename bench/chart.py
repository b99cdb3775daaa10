"""The benchmark's chart: an SVG file, written by hand.

In:  what each share of the units took.
Out: two panels, CPU time and memory against units, a line a contender.
"""

from html import escape

from growth import Growth

__all__ = ["growth_chart"]

WIDTH, HEIGHT = 380, 260
LEFT, TOP, RIGHT, BOTTOM = 52, 34, 16, 40
COLOURS = {"pahole": "#b5502b", "dwarfless": "#1f6f8b", "scan": "#8a8a8a"}


def round_up(value: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not below a value."""
    step = 1.0
    while step < value:
        step *= 10
    while step / 10 >= value:
        step /= 10
    return next((step / d for d in (5, 2) if step / d >= value), step)


def panel(title: str, units: list[int], lines: dict[str, list[float]], left: int) -> list[str]:
    """Return one chart: axes with four marks each, a line with dots a contender."""
    top_value = round_up(max(max(values) for values in lines.values()))
    right_value = units[-1]

    def x(value: float) -> float:
        return left + LEFT + value / right_value * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - value / top_value * (HEIGHT - TOP - BOTTOM)

    parts = [f'<text x="{left + LEFT}" y="18" font-weight="bold">{escape(title)}</text>']
    for mark in range(5):
        value = top_value * mark / 4
        parts.append(
            f'<line x1="{x(0):.1f}" x2="{x(right_value):.1f}" y1="{y(value):.1f}" '
            f'y2="{y(value):.1f}" stroke="#ddd"/>'
            f'<text x="{x(0) - 6:.1f}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
        )
    for count in units:
        parts.append(
            f'<text x="{x(count):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
            f"{count}</text>"
        )
    parts.append(
        f'<text x="{x(right_value / 2):.1f}" y="{HEIGHT - 6}" text-anchor="middle">units</text>'
    )
    for name, values in lines.items():
        points = [(x(a), y(b)) for a, b in zip(units, values, strict=True)]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        colour = COLOURS[name]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        parts.append(
            f'<text x="{points[-1][0] - 4:.1f}" y="{points[-1][1] - 8:.1f}" text-anchor="end" '
            f'fill="{colour}">{escape(name)}</text>'
        )
    return parts


def growth_chart(growth: list[Growth]) -> str:
    """Return the chart as the text of an SVG file."""
    units = [row.units for row in growth]
    names = list(growth[0].samples)
    seconds = {name: [row.samples[name].cpu for row in growth] for name in names}
    memory = {
        name: [row.samples[name].anonymous / 1e6 for row in growth]
        for name in names
        if name != "scan"
    }
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{HEIGHT}" '
            f'viewBox="0 0 {2 * WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
            f'<rect width="{2 * WIDTH}" height="{HEIGHT}" fill="white"/>',
            *panel("CPU, seconds", units, seconds, 0),
            *panel("Memory without mapped files, MB", units, memory, WIDTH),
            "</svg>\n",
        )
    )
