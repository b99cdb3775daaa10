import numpy as np
from numpy.typing import NDArray

def sizes(
    words: NDArray[np.uint32],
    starts: NDArray[np.uint32],
    ids: NDArray[np.uint32],
    pointer_size: int,
) -> NDArray[np.uint64]: ...
