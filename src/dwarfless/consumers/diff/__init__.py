"""Two kernels compared: text, JSON, a page."""
