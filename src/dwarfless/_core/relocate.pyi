import numpy as np
from numpy.typing import NDArray

def apply_plain(
    content: bytearray,
    table: memoryview,
    addresses: NDArray[np.uint64],
    widths: bytes,
    is_64: bool,
) -> bool: ...
