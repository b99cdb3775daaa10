"""What pahole says about a struct as a whole, and about structs inside it.

In:  Layouts and their members.
Out: the text of comments.
"""

from dataclasses import dataclass

from dwarfless.graph.layout import Layout, Place, Shape

__all__ = ["Notes", "hole_notes", "inner_notes", "plural", "summary"]


@dataclass
class Notes:
    """What the members of a struct sum up to.

    Attributes:
        bytes: Of members that are no bitfields.
        bits: Of bitfields.
        aligned: Members aligned by force.
        aligned_holes: Holes before such.
        aligned_bytes: Bytes of these holes.
        holed: Members with holes; their holes.
        bit_holed: Members with bit holes; their bit holes.
        padded: Members with padding; its bytes.
        bit_padded: Members with bits of padding; these bits.
        ends_open: Members that end in an array without elements.
        open_inside: Members in which something does.
    """

    bytes: int = 0
    bits: int = 0
    aligned: int = 0
    aligned_holes: int = 0
    aligned_bytes: int = 0
    holed: tuple[int, int] = (0, 0)
    bit_holed: tuple[int, int] = (0, 0)
    padded: tuple[int, int] = (0, 0)
    bit_padded: tuple[int, int] = (0, 0)
    ends_open: int = 0
    open_inside: int = 0

    def add(self, member: Place, hole: int) -> None:
        """Count a member with a hole before it."""
        if member.bits:
            self.bits += member.bits
        else:
            self.bytes += member.size
        if member.alignment:
            self.aligned += 1
            self.aligned_holes += hole != 0
            self.aligned_bytes += hole


def plural(number: int, unit: str) -> str:
    """Return a number with its unit."""
    return f"{number} {unit}{'' if number == 1 else 's'}"


def hole_notes(bits: int, size: int) -> list[str]:
    """Return what is to be said about a hole of some bits and bytes, in a list."""
    found = [(bits, "bit")] if bits else []
    found += [(size, "byte")] if size > 0 else []
    return [f"XXX {plural(number, unit)} hole, try to pack" for number, unit in found]


def inner_notes(layout: Shape, notes: Notes) -> list[str]:
    """Return what is to be said about a struct that is a member, in a list; count it."""
    said = []
    if layout.ends_open:
        notes.ends_open += 1
        said.append("a flexible array")
    if layout.open_inside:
        notes.open_inside += 1
        said.append("embedded flexible array(s)")
    for field, number, words in (
        ("padded", layout.padding, plural(layout.padding, "byte") + " of padding"),
        ("bit_padded", layout.bit_padding, plural(layout.bit_padding, "bit") + " of padding"),
        ("holed", layout.num_holes, plural(layout.num_holes, "hole")),
        ("bit_holed", layout.num_bit_holes, plural(layout.num_bit_holes, "bit hole")),
    ):
        if number:
            members, total = getattr(notes, field)
            setattr(notes, field, (members + 1, total + number))
            said.append(words)
    return [f"XXX last struct has {', '.join(said)}"] if said else []


def summary(layout: Layout, notes: Notes, base: int = 0) -> list[str]:
    """Return the lines that close a struct."""
    lines = [
        f"size: {layout.size}, cachelines: {layout.num_lines}, members: {len(layout.members)}",
        *_sums(layout, notes),
    ]
    if layout.padding > 0:
        lines.append(f"padding: {layout.padding}")
    kinds = []
    if notes.holed[0]:
        kinds.append("holes: {}, total: {}".format(*notes.holed))
    if notes.bit_holed[0]:
        kinds.append("bit holes: {}, total: {}".format(*notes.bit_holed))
    if notes.bit_padded[0]:
        members, bits = notes.bit_padded
        kinds.append(f"bit paddings: {members}, total: {plural(bits, 'bit')}")
    if kinds:
        lines.append(f"member types with {', '.join(kinds)}")
    if notes.padded[0]:
        lines.append("paddings: {}, sum paddings: {}".format(*notes.padded))
    if layout.bit_padding > 0:
        lines.append(f"bit_padding: {layout.bit_padding} bits")
    if notes.aligned:
        holes = ""
        if notes.aligned_holes:
            holes = f", forced holes: {notes.aligned_holes}"
            holes += f", sum forced holes: {notes.aligned_bytes}"
        lines.append(f"forced alignments: {notes.aligned}{holes}")
    open_ = [("end", notes.ends_open), ("middle", notes.open_inside)]
    if any(number for _, number in open_):
        words = ", ".join(f"{name}: {number}" for name, number in open_ if number)
        lines.append(f"flexible array members: {words}")
    if rest := (base + layout.size) % layout.line:
        lines.append(f"last cacheline: {rest} bytes")
    return lines


def _sums(layout: Layout, notes: Notes) -> list[str]:
    """Return what members and holes sum up to, if there are holes."""
    bit_holes = layout.sum_bit_holes
    if layout.sum_holes <= 0 and bit_holes <= 0:
        return []
    lines = []
    if notes.bytes:
        holes = f", holes: {layout.num_holes}, sum holes: {layout.sum_holes}"
        lines.append(f"sum members: {notes.bytes}{holes if layout.sum_holes > 0 else ''}")
    if notes.bits:
        more = f" ({notes.bits // 8} bytes)"
        if bit_holes > 0:
            more = f", bit holes: {layout.num_bit_holes}, sum bit holes: {bit_holes} bits"
        lines.append(f"sum bitfield members: {notes.bits} bits{more}")
    return lines
