import numpy as np
from numpy.typing import NDArray

from dwarfless._core.records import GraphArrays

def list_types_json(arrays: GraphArrays, ids: NDArray[np.uint32]) -> bytes: ...
