from dwarfless._core.joined import Joined

class Bound(Joined):
    figures: dict[str, int]
