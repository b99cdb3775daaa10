from array import array

import numpy as np
from numpy.typing import NDArray

def index_types(
    words: memoryview,
    extra: dict[int, tuple[int, int]],
    first_id: int,
    end_string: int,
    *,
    source: str,
    place: int,
) -> array[int]: ...
def id_positions(words: NDArray[np.uint32], offsets: NDArray[np.uint32]) -> NDArray[np.uint32]: ...

class GraphArrays:
    def __init__(
        self,
        words: memoryview,
        offsets: memoryview,
        strings: bytes,
        base: GraphArrays | None,
    ) -> None: ...
    def find_kind(self, kind: int) -> list[int]: ...
    def largest_kind(self) -> int: ...
    def find_entry(self, section_id: int, var_id: int) -> int: ...
    def find_enumerators(self, name: bytes, kinds: int) -> list[tuple[int, int]]: ...
    def find(self, name: bytes, kinds: int) -> list[int]: ...

def shapes() -> list[tuple[int, int, int, int, int, int]]: ...
