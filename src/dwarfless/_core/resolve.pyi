"""Nothing here is for Python; the functions are cimported."""
