"""Settings of the manual: ``sphinx-build docs build/docs`` with furo and myst-parser."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

from dwarfless import __version__
from manual import markdown

project = "dwarfless"
release = version = __version__
project_copyright = "the dwarfless authors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
# Else --option gets a dash.
smartquotes = False
html_title = f"dwarfless {version}"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6e68", "color-brand-content": "#0b5f8a"},
    "dark_css_variables": {"color-brand-primary": "#4fc4b8", "color-brand-content": "#7cc0ea"},
}
autodoc_typehints = "description"
# Attributes that are documented twice are one object to Sphinx only like this.
napoleon_use_ivar = True


def write_commands(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the reference of the commands where commands.md wants it."""
    if page == "commands":
        source[0] = source[0].replace("<!-- commands -->", markdown())


def setup(app: Sphinx) -> None:
    """Have pages pass through here."""
    app.connect("source-read", write_commands)
