import numpy as np
from numpy.typing import NDArray

from dwarfless._core.records import GraphArrays

def sorted_ids(arrays: GraphArrays) -> NDArray[np.uint32]: ...
