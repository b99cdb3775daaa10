from collections.abc import Sequence

from dwarfless._core.function_table import FunctionTable
from dwarfless._core.outlines import OutlineTable
from dwarfless._core.units import Program

class Store:
    program: Program
    def __init__(
        self,
        program: Program,
        features: int,
        abi: tuple[Sequence[int], int, bool],
        symbols: FunctionTable,
        outlines: OutlineTable | None = None,
    ) -> None: ...
    @property
    def has_far_references(self) -> bool: ...
    @property
    def num_dies(self) -> int: ...
    def left_unit_names(self) -> list[bytes]: ...
    def counts(self) -> list[int]: ...
    def run(self) -> None: ...
    def run_as_one(self) -> None: ...
