import numpy as np
from numpy.typing import NDArray

from dwarfless._core.records import GraphArrays

SLOT: np.dtype[np.void]
SHAPE: np.dtype[np.void]

def lay_out(
    arrays: GraphArrays, pointer_size: int, line: int
) -> tuple[NDArray[np.void], NDArray[np.void]]: ...
