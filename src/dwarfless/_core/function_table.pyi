from array import array

import numpy as np
from numpy.typing import NDArray

class FunctionTable:
    num_keys: int
    def __init__(
        self,
        names: bytes | memoryview,
        name_offset: array[int] | NDArray[np.uint32],
        value: array[int] | NDArray[np.uint64],
    ) -> None: ...
    def __len__(self) -> int: ...
    def key(self, name: bytes) -> int: ...
    def keys_at(self, strings: bytes, offsets: NDArray[np.uint32]) -> NDArray[np.uint32]: ...
    def by_name(self, keys: NDArray[np.uint32]) -> NDArray[np.uint32]: ...
    def name(self, key: int) -> bytes: ...

def function_symbols(
    table: memoryview,
    extended: memoryview,
    addresses: array[int],
    is_64: bool,
    swap: bool,
) -> tuple[array[int], array[int]]: ...
