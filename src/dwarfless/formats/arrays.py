"""Arrays where numpy may not have been imported: for annotations, and of what is no array yet."""

from typing import TYPE_CHECKING, Any

__all__ = ["NDArray", "Words", "as_words", "distinct"]

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Words = NDArray[np.uint32]
else:

    class NDArray:
        """Stands for the type, without numpy.typing, whose import takes 0.015 s."""

        def __class_getitem__(cls, item: Any) -> type:
            """Return itself for any element type."""
            return cls

    Words = NDArray


def as_words(words: Any) -> "Words":
    """Return words as numpy's uint32[n]; a buffer of them is not copied.

    Cost: 0.1 s the first time in a process, if numpy was not imported before.
    """
    import numpy as np

    return np.ascontiguousarray(words, np.uint32)


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """Return each value of an array once, ascending.

    numpy.unique does the same, but when it is asked for nothing else it imports numpy.ma, which
    takes 0.025 s.
    """
    import numpy as np

    ordered = np.sort(values, axis=None)
    is_first = np.ones(ordered.size, bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    chosen: NDArray[Any] = ordered[is_first]
    return chosen
