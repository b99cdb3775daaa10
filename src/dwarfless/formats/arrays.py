"""NDArray for annotations, without numpy.typing, whose import takes 0.015 s."""

from typing import TYPE_CHECKING, Any

__all__ = ["NDArray"]

if TYPE_CHECKING:
    from numpy.typing import NDArray
else:

    class NDArray:
        """Stands for the type; there is nothing to it at run time."""

        def __class_getitem__(cls, item: Any) -> type:
            """Return itself for any element type."""
            return cls
