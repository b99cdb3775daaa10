"""Work beside other work: done in a thread, or when asked for."""

import threading

import pytest

from dwarfless.graph.beside import Beside


@pytest.mark.parametrize("threaded", [False, True])
def test_what_a_function_returns(threaded: bool):
    """In a thread of its own if it may be."""
    found = Beside(threading.current_thread, threaded=threaded).result()
    assert (found is threading.current_thread()) is not threaded


@pytest.mark.parametrize("threaded", [False, True])
def test_what_a_function_raises(threaded: bool):
    """It comes out where the result is asked for."""
    work = Beside(lambda: 1 // 0, threaded=threaded)
    with pytest.raises(ZeroDivisionError):
        work.result()
