import numpy as np
from numpy.typing import NDArray

from dwarfless._core.records import GraphArrays

def hash_types(
    arrays: GraphArrays,
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]: ...
def hash_names(arrays: GraphArrays, offsets: NDArray[np.uint32]) -> NDArray[np.uint64]: ...
