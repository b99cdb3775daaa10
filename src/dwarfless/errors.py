"""The exceptions dwarfless raises.

    DwarflessError
      FormatError (ValueError)      bytes break their format: source, section, offset
        ElfError  DwarfError  BtfError
      UnsupportedError              sound input we can't handle yet: feature, place
      LimitError (OverflowError)    graph exceeds the target's BTF: limit, value
      BaseMismatchError             split BTF met another base
      TypeLookupError (LookupError) no such type, or several: name, kind, ids

Messages read ``file: section+0xoffset: what is wrong``.
"""

from collections.abc import Sequence

__all__ = [
    "BaseMismatchError",
    "BtfError",
    "DwarfError",
    "DwarflessError",
    "ElfError",
    "FormatError",
    "LimitError",
    "TypeLookupError",
    "UnsupportedError",
]


class DwarflessError(Exception):
    """Anything dwarfless refuses to do."""


class FormatError(DwarflessError, ValueError):
    """Input bytes break their format's rules.

    Attributes:
        source: Path of the input, or "<bytes>".
        section: Section name, such as ".debug_info".
        offset: Where in the section, in bytes.
    """

    def __init__(self, problem: str, *, source: str, section: str, offset: int) -> None:
        super().__init__(f"{source}: {section}+{offset:#x}: {problem}")
        self.problem, self.source, self.section, self.offset = problem, source, section, offset


class ElfError(FormatError):
    """The file is not the ELF it claims to be."""


class DwarfError(FormatError):
    """A debug section breaks the DWARF standard."""


class BtfError(FormatError):
    """Bytes break the BTF format."""


class UnsupportedError(DwarflessError):
    """Sound input that we can't handle.

    Attributes:
        feature: What is missing, such as "DWARF 6".
        place: Where it was met.
    """

    def __init__(self, feature: str, *, place: str) -> None:
        super().__init__(f"{place}: {feature} is not supported")
        self.feature, self.place = feature, place


class LimitError(DwarflessError, OverflowError):
    """A graph exceeds what its target's BTF can say.

    Attributes:
        limit: Name and value of the limit, such as "type id <= 0xfffff".
        value: What was needed.
    """

    def __init__(self, limit: str, value: int, *, where: str = "") -> None:
        super().__init__(
            f"{where}: {value:#x} breaks {limit}" if where else f"{value:#x} breaks {limit}"
        )
        self.limit, self.value = limit, value


class BaseMismatchError(DwarflessError):
    """Split BTF met a base it was not made for."""


class TypeLookupError(DwarflessError, LookupError):
    """No type of that name and kind, or several.

    Attributes:
        name: What was asked for.
        kind: Kind asked for, or None for any.
        ids: Type ids that match: none, or more than one.
    """

    def __init__(self, name: str, *, kind: str | None = None, ids: Sequence[int] = ()) -> None:
        what = f"{kind} {name!r}" if kind else f"{name!r}"
        if ids:
            listed = ", ".join(str(i) for i in ids[:8]) + (", …" if len(ids) > 8 else "")
            super().__init__(f"{what} names {len(ids)} types: {listed}")
        else:
            super().__init__(f"no type {what}")
        self.name, self.kind, self.ids = name, kind, tuple(ids)
