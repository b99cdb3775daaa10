from dwarfless._core.records import GraphArrays

def check_types(
    arrays: GraphArrays,
    *,
    kinds: int,
    max_vlen: int,
    name_limit: int,
    max_linkage: int,
    enum_flag: bool,
    tag_flag: bool,
    free_section_names: bool,
    max_chain: int,
    max_depth: int,
) -> list[tuple[int, int, int, int]]: ...
def num_rules() -> int: ...
