from array import array

from dwarfless._core.records import GraphArrays

def sorted_ids(arrays: GraphArrays) -> array[int]: ...
