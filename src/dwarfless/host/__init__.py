"""Extras on a machine: put there, taken away, looked at."""
