from collections.abc import Sequence

import numpy as np

from dwarfless.formats.arrays import NDArray

def order_by(keys: NDArray[np.uint64]) -> NDArray[np.uint32]: ...
def first_equal(values: NDArray[np.uint32]) -> NDArray[np.uint32]: ...
def begin_with(
    strings: bytes, offsets: NDArray[np.uint32], prefixes: Sequence[bytes]
) -> NDArray[np.bool_]: ...
