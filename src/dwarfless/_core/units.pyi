from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

SECTION_NAMES: tuple[str, ...]

class Program:
    names: list[str]
    def __init__(
        self,
        files: Sequence[tuple[str, Sequence[memoryview], int, bool]],
        little_endian: bool,
        symbols: NDArray[np.uint8],
        languages: Iterable[int],
    ) -> None: ...
    @property
    def num_units(self) -> int: ...
    @property
    def done(self) -> int: ...
    def cancel(self) -> None: ...
