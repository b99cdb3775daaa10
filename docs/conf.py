"""Settings of the manual: ``sphinx-build docs docs/_build`` with furo and myst-parser."""

from dwarfless import __version__

project = "dwarfless"
release = version = __version__
project_copyright = "the dwarfless authors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
autodoc_typehints = "description"
