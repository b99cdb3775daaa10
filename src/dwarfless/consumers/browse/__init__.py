"""A web page in which a kernel's types, functions and variables can be looked through."""
