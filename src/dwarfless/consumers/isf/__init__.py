"""Volatility 3's intermediate symbol format: a kernel's types and symbols as JSON."""
