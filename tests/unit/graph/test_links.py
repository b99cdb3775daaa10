"""What spreads along references, by hand-made ones."""

import numpy as np
import pytest

from dwarfless.graph.links import Links


def links(num: int, *pairs: tuple[int, int]) -> Links:
    """Return references from each first to each second."""
    sources, targets = np.array(pairs, np.uint32).reshape(-1, 2).T
    return Links(sources, targets, num)


def mask(num: int, *rows: int) -> np.ndarray:
    """Return bool[num] with some rows chosen."""
    return np.isin(np.arange(num), rows)


@pytest.mark.parametrize(
    ("pairs", "chosen", "expected"),
    [
        ([(1, 2), (2, 3), (4, 3)], [3], [1, 2, 3, 4]),
        ([(1, 2), (2, 3), (4, 3)], [2], [1, 2]),
        ([(1, 2), (2, 1), (1, 1)], [1], [1, 2]),
        ([(1, 2)], [], []),
    ],
)
def test_users(pairs, chosen, expected):
    """Users of users too; circles end."""
    found = mask(5, *chosen)
    links(5, *pairs).add_users(found)
    assert np.flatnonzero(found).tolist() == expected


@pytest.mark.parametrize(
    ("pairs", "free", "expected"),
    [
        ([(1, 2), (2, 3)], [2, 3], [1, 2, 3]),
        ([(1, 2), (2, 3)], [3], [1]),
        ([(1, 2), (4, 2)], [2], [1]),
        ([(1, 2), (1, 2), (2, 3), (2, 3)], [2, 3], [1, 2, 3]),
        ([(1, 2), (2, 2)], [2], [1]),
        ([(4, 2)], [3], [1]),
    ],
)
def test_unneeded(pairs, free, expected):
    """Free ones go along if all who refer to them go; what nobody refers to stays."""
    found = mask(5, 1)
    links(5, *pairs).add_unneeded(found, mask(5, *free))
    assert np.flatnonzero(found).tolist() == expected
