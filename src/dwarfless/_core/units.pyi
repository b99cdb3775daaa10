from collections.abc import Iterable, Sequence

SECTION_NAMES: tuple[str, ...]

class Program:
    names: list[str]
    def __init__(
        self,
        files: Sequence[tuple[str, Sequence[memoryview], int, bool]],
        little_endian: bool,
        languages: Iterable[int],
    ) -> None: ...
    @property
    def num_units(self) -> int: ...
    @property
    def done(self) -> int: ...
    def cancel(self) -> None: ...
    def forget(self) -> None: ...
