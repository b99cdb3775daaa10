import numpy as np
from numpy.typing import NDArray

def live_closure(
    words: NDArray[np.uint32], starts: NDArray[np.uint32], live: NDArray[np.uint8]
) -> None: ...
def classes(
    words: NDArray[np.uint32],
    starts: NDArray[np.uint32],
    order: NDArray[np.uint32],
    alias: NDArray[np.uint32],
) -> NDArray[np.uint32]: ...
def unify_names(
    words: NDArray[np.uint32], starts: NDArray[np.uint32], strings: NDArray[np.uint8]
) -> NDArray[np.uint32]: ...
