// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module without code; the Makefile gives it a .BTF section with what the
 * BTF of vmlinux leaves out.
 */
#include <linux/module.h>

MODULE_DESCRIPTION("BTF of the variables of vmlinux");
MODULE_LICENSE("GPL");
