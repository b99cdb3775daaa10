import numpy as np
from numpy.typing import NDArray

class BaseIndex:
    words: NDArray[np.uint32]
    starts: NDArray[np.uint32]
    canonical: NDArray[np.uint32]
    def __init__(
        self, words: NDArray[np.uint32], starts: NDArray[np.uint32], strings: bytes
    ) -> None: ...
