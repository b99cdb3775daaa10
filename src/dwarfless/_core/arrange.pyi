import numpy as np
from numpy.typing import NDArray

def name_positions(
    words: NDArray[np.uint32], starts: NDArray[np.uint32]
) -> NDArray[np.uint32]: ...
def write_level(
    words: NDArray[np.uint32],
    starts: NDArray[np.uint32],
    order: NDArray[np.uint32],
    new_ids: NDArray[np.uint32],
    strings: NDArray[np.uint8],
    places: NDArray[np.uint32] | None = None,
    end_string: int = 0,
) -> tuple[NDArray[np.uint32], bytes]: ...
