"""Source languages of DWARF units, by the short names that pahole's ``--lang_exclude`` takes.

Source: DWARF 5, table 7.17; dwarfstd.org's list of later additions; pahole's dwarves.c.
"""

from typing import Final

__all__ = ["LANGUAGES"]

#: Short name -> the values of DW_AT_language that mean it.
LANGUAGES: Final[dict[str, tuple[int, ...]]] = {
    "c89": (0x01,),
    "c": (0x02,),
    "ada83": (0x03,),
    "c++": (0x04,),
    "cobol74": (0x05,),
    "cobol85": (0x06,),
    "fortran77": (0x07,),
    "fortran90": (0x08,),
    "pascal83": (0x09,),
    "modula2": (0x0A,),
    "java": (0x0B,),
    "c99": (0x0C,),
    "ada95": (0x0D,),
    "fortran95": (0x0E,),
    "pli": (0x0F,),
    "objc": (0x10,),
    "objc++": (0x11,),
    "upc": (0x12,),
    "d": (0x13,),
    "python": (0x14,),
    "opencl": (0x15,),
    "go": (0x16,),
    "modula3": (0x17,),
    "haskell": (0x18,),
    "c++03": (0x19,),
    "c++11": (0x1A,),
    "ocaml": (0x1B,),
    "rust": (0x1C,),
    "c11": (0x1D,),
    "swift": (0x1E,),
    "julia": (0x1F,),
    "c++14": (0x20,),
    "fortran03": (0x21,),
    "fortran08": (0x22,),
    "renderscript": (0x23,),
    "bliss": (0x24,),
    "kotlin": (0x25,),
    "zig": (0x26,),
    "crystal": (0x27,),
    "c++17": (0x2A,),
    "c++20": (0x2B,),
    "c17": (0x2C,),
    "fortran18": (0x2D,),
    "ada2005": (0x2E,),
    "ada2012": (0x2F,),
    # DW_LANG_Assembly, and DW_LANG_Mips_Assembler, which binutils writes for every machine.
    "asm": (0x31, 0x8001),
}
