from dwarfless._core.ingest import Store

class Joined:
    def __init__(self, stores: list[Store]) -> None: ...
