"""Orders and equal rows of columns, against numpy's."""

import numpy as np
import pytest

from dwarfless._core.rows import begin_with, first_equal, order_by

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("num", [0, 1, 2, 32, 33, 1000])
@pytest.mark.parametrize("top", [1, 7, 1 << 8, 1 << 20, 1 << 45, (1 << 64) - 1])
def test_rows_by_key(num: int, top: int):
    """Of equal keys the first row comes first, whichever of their bytes differ."""
    keys = RANDOM.integers(0, top, num, np.uint64, endpoint=True)
    assert order_by(keys).tolist() == np.argsort(keys, kind="stable").tolist()


@pytest.mark.parametrize("num", [0, 1, 33, 1000])
@pytest.mark.parametrize("top", [0, 7, 900, 0xFFFFFFFF])
def test_the_first_row_of_a_value(num: int, top: int):
    """Each row knows the first that is equal."""
    values = RANDOM.integers(0, top, num, np.uint32, endpoint=True)
    expected = [values.tolist().index(value) for value in values.tolist()]
    assert first_equal(values).tolist() == expected


def test_names_that_begin_in_some_way():
    """One that ends before the beginning does begins otherwise, also at the end of all."""
    strings = b"\0abc\0abcd\0xabc\0ab"
    offsets = np.array([0, 1, 2, 5, 10, 15, len(strings) - 1, len(strings)], np.uint32)
    found = begin_with(strings, offsets, [b"abc", b"bcd"])
    assert found.tolist() == [False, True, False, True, False, False, False, False]
    assert begin_with(strings, offsets, [b""]).all()
    assert not begin_with(strings, offsets, []).any()
