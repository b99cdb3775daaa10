"""CO-RE: what BPF objects want to know of a kernel's types."""
