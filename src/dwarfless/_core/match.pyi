import numpy as np
from numpy.typing import NDArray

from dwarfless._core.base_index import BaseIndex

class Match:
    words: NDArray[np.uint32]
    starts: NDArray[np.uint32]
    ids: NDArray[np.uint32]
    reasons: NDArray[np.uint8]
    wheres: NDArray[np.uint32]
    tolerances: list[int]
    num_outlines: int
    def __init__(
        self,
        index: BaseIndex,
        words: NDArray[np.uint32],
        starts: NDArray[np.uint32],
        strings: bytes,
    ) -> None: ...
    def emit(
        self,
        order: NDArray[np.uint32],
        new_ids: NDArray[np.uint32],
        first_id: int,
        first_string: int,
    ) -> tuple[NDArray[np.uint32], bytes]: ...
