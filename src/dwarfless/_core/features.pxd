"""What is to be read, as bits that graph/reading.py puts together."""

cdef enum:
    FEATURE_FLOAT = 1
    FEATURE_ENUM64 = 2
    FEATURE_TYPE_TAG = 4
    FEATURE_DECL_TAG = 8
    FEATURE_FLAT_ARRAYS = 16
    FEATURE_FUNCTIONS = 32          # keep functions
    FEATURE_VARIABLES = 64          # keep variables of file scope
    FEATURE_LOCALS = 128            # keep static variables of functions
    FEATURE_DECLARATIONS = 256      # keep variables that are only declared
    FEATURE_ALL_TYPES = 512         # read types in functions, too
    FEATURE_EACH_MENTION = 1024     # keep each variable that is nowhere, not one of a name
