from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FUNC_DIE: np.dtype[np.void]
PARAM_DIE: np.dtype[np.void]
TYPE_ROW: np.dtype[np.void]
FUNC_FACTS: np.dtype[np.void]
PARAM_FACTS: np.dtype[np.void]

def copy_rows(rows: ArrayLike, dtype: np.dtype[np.void]) -> NDArray[np.uint8]: ...
def analyze(
    funcs: ArrayLike,
    params: ArrayLike,
    types: ArrayLike,
    *,
    expressions: bytes,
    lists: bytes,
    version: int,
    address_size: int,
    swap: bool,
    is_clang: bool,
    registers: tuple[int, ...],
    num_registers: int,
    pairs: bool,
) -> tuple[NDArray[Any], NDArray[Any]]: ...
def members_look_packed(struct_size: int, members: list[tuple[int, int, int, int]]) -> bool: ...
