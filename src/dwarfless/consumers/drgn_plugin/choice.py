"""Which of several meanings of a name is wanted.

In:  the levels of a kernel and its modules, what drgn calls a file name.
Out: the types, variables or functions that it can mean.

BTF has no file names, so what drgn calls one says:

    #1234           a type id
    xfs#1234        a type id of a module
    xfs, xfs.ko     a module
    do_it           the function in whose body a variable is
    kernel/fork.c   the file of such a function; else, as nothing tells, whatever has the name, but
                    rather of module fork, if that is loaded
"""

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from dwarfless.consumers.drgn_plugin.levels import Level

__all__ = ["Found", "candidates", "spelled"]

BY_ID: Final = re.compile(r"([\w-]*)#(\d+)")
Find = Callable[[Level], Iterable[int]]


class Found(NamedTuple):
    """A type that has the name.

    Attributes:
        level: Whose it is.
        id: Its type id.
    """

    level: Level
    id: int


def spelled(found: Found) -> str:
    """Return the file name that chooses one; modules number their types from the same id on."""
    return f"{found.level.module}#{found.id}"


def candidates(
    kernel: Iterable[Level],
    modules: Callable[[], Iterable[Level]],
    find: Find,
    filename: str | None,
) -> list[Found]:
    """Return what a name can mean.

    What modules have is looked at only if it may be meant: it has to be read.

    Args:
        kernel: The kernel's own levels.
        modules: Returns those of its modules.
        find: Returns the ids of a level that have the name.
        filename: What chooses among them; None if nothing does.
    """
    own = _all(kernel, find)
    if not filename:
        return own or _all(modules(), find)
    by_id = BY_ID.fullmatch(filename)
    if by_id is not None:
        chosen = [] if by_id[1] else [each for each in own if each.id == int(by_id[2])]
        return chosen or [
            each
            for each in _all(modules(), find)
            if each.id == int(by_id[2]) and _module(by_id[1]) in ("", each.level.module)
        ]
    others = _all(modules(), find)
    if "/" not in filename and "." not in filename.removesuffix(".ko"):
        return [each for each in own + others if _is_of(each, filename)]
    written = [each for each in own + others if _is_written_in(each, filename)]
    stem = _module(re.sub(r".*/|\.[^./]*$", "", filename))
    beside = [each for each in others if each.level.module == stem]
    return written or beside or own or others


def _all(levels: Iterable[Level], find: Find) -> list[Found]:
    return [Found(level, type_id) for level in levels for type_id in find(level)]


def _module(name: str) -> str:
    """Return a module's name as the kernel spells it."""
    return name.removesuffix(".ko").replace("-", "_")


def _is_of(found: Found, word: str) -> bool:
    """Tell whether something is a module's, or in the body of a function."""
    function, _ = found.level.written_in(found.id)
    return _module(word) == found.level.module or function == word


def _is_written_in(found: Found, filename: str) -> bool:
    """Tell whether something is in the body of one of a file's functions."""
    _, file = found.level.written_in(found.id)
    return file == filename or file.endswith(f"/{filename}")
