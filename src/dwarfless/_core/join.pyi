import numpy as np
from numpy.typing import NDArray

from dwarfless._core.ingest import Store

VAR_STATE: np.dtype[np.void]
FUNC_STATE: np.dtype[np.void]
STATE_TAG: np.dtype[np.void]

class Resolved:
    words: NDArray[np.uint32]
    starts: NDArray[np.uint32]
    order: NDArray[np.uint32]
    variables: NDArray[np.void]
    functions: NDArray[np.void]
    tags: NDArray[np.void]
    strings: bytes
    num_bad_names: int
    figures: dict[str, int]
    def __init__(self, stores: list[Store]) -> None: ...
    def by_place(self, ids: NDArray[np.integer]) -> NDArray[np.uint32]: ...
