from collections.abc import Iterable, Sequence

from typing_extensions import Buffer

SECTION_NAMES: tuple[str, ...]

class Program:
    names: list[str]
    def __init__(
        self,
        files: Sequence[tuple[str, Sequence[Buffer], int, bool]],
        little_endian: bool,
        symbols: Buffer,
        languages: Iterable[int],
    ) -> None: ...
    @property
    def num_units(self) -> int: ...
    @property
    def done(self) -> int: ...
    def cancel(self) -> None: ...
