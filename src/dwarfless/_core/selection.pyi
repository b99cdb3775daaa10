import numpy as np
from numpy.typing import NDArray

from dwarfless._core.records import GraphArrays

STATE: np.dtype[np.void]

class FunctionTable:
    num_keys: int
    def __init__(
        self,
        names: bytes | memoryview,
        name_offset: NDArray[np.uint32],
        value: NDArray[np.uint64],
    ) -> None: ...
    def __len__(self) -> int: ...
    def key(self, name: bytes) -> int: ...
    def keys_at(self, strings: bytes, offsets: NDArray[np.uint32]) -> NDArray[np.uint32]: ...
    def joined_names(self) -> NDArray[np.uint8]: ...
    def name(self, key: int) -> bytes: ...

def select_states(
    table: FunctionTable, states: NDArray[np.void], graph: GraphArrays, consistent: bool
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint8]]: ...
