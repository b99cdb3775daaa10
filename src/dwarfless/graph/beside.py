"""Work that is done beside other work, where there are threads for it.

In:  a function that needs the interpreter for little of its time.
Out: what it returns, when that is asked for.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Beside"]

T = TypeVar("T")


class Beside(Generic[T]):
    """What a function returns, which is worked out from now on, or when it is asked for.

    Args:
        task: The function.
        threaded: Whether to call it in a thread of its own.
    """

    def __init__(self, task: Callable[[], T], *, threaded: bool) -> None:
        self._task = task
        self._found: list[T] = []
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run) if threaded else None
        if self._thread is not None:
            self._thread.start()

    def result(self) -> T:
        """Return it; raise what the function raised."""
        if self._thread is None:
            return self._task()
        self._thread.join()
        if self._errors:
            raise self._errors[0]
        return self._found[0]

    def _run(self) -> None:
        try:
            self._found.append(self._task())
        except BaseException as error:
            self._errors.append(error)
