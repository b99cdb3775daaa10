import numpy as np
from numpy.typing import NDArray

from dwarfless._core.function_table import FunctionTable
from dwarfless._core.records import GraphArrays

STATE: np.dtype[np.void]

def select_states(
    table: FunctionTable,
    states: NDArray[np.void],
    by_name: NDArray[np.uint32],
    graph: GraphArrays,
    consistent: bool,
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint8]]: ...
