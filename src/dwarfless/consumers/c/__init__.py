"""C made of BTF: vmlinux.h, vars.h."""
