from dwarfless._core.records import GraphArrays

SLOT: str
SHAPE: str

def lay_out(arrays: GraphArrays, pointer_size: int, line: int) -> tuple[bytearray, bytearray]: ...
