"""Compiled loops only; function_rows calls them from Python."""
