"""Types for people and for programs: text as pahole prints it, JSON."""
