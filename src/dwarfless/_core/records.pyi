import numpy as np
from numpy.typing import NDArray

def index_types(
    words: NDArray[np.uint32],
    extra: dict[int, tuple[int, int]],
    first_id: int,
    end_string: int,
    *,
    source: str,
    place: int,
) -> NDArray[np.uint32]: ...
def id_positions(words: NDArray[np.uint32], offsets: NDArray[np.uint32]) -> NDArray[np.uint32]: ...

class GraphArrays:
    def __init__(
        self,
        words: NDArray[np.uint32],
        offsets: NDArray[np.uint32],
        strings: bytes,
        base: GraphArrays | None,
    ) -> None: ...
    def find(self, name: bytes, kinds: int) -> list[int]: ...

def shapes() -> list[tuple[int, int, int, int, int, int]]: ...
