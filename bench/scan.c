/*
 * Visit every DIE of a file and keep nothing: what reading this DWARF costs at the very least.
 *
 * In:  a 64-bit ELF file of this machine's byte order, its debug sections not compressed.
 * Out: units, DIEs and attributes on standard output.
 *
 * One thread, no library but libc. Abbreviations are compiled to an array a code, neighbouring
 * attributes of fixed size to one step, so that this is the floor and no straw man.
 *
 *     cc -O2 -o scan scan.c && ./scan vmlinux
 */

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { FIXED, LEB, TEXT, BLOCK1, BLOCK2, BLOCK4, BLOCK };
enum { MAX_CODES = 1 << 16, MAX_STEPS = 1 << 20 };

struct step {
	uint32_t how, size;
};

struct abbrev {
	uint32_t first, count, attributes;
	uint8_t children;
};

struct range {
	const uint8_t *start, *end;
};

static struct abbrev abbrevs[MAX_CODES];
static struct step steps[MAX_STEPS];

static void die(const char *why)
{
	fprintf(stderr, "scan: %s\n", why);
	exit(1);
}

static uint64_t uleb(const uint8_t **at)
{
	uint64_t value = 0;
	int shift = 0;

	for (;;) {
		uint8_t byte = *(*at)++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
		shift += 7;
	}
}

static uint64_t word(const uint8_t *at, int size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return value;
}

/* Say how to step over a form: the numbers are DW_FORM of the DWARF standard, version 5, 7.5.6. */
static struct step step_of(uint64_t form, int address, int offset)
{
	switch (form) {
	case 0x19: case 0x21: return (struct step){ FIXED, 0 };
	case 0x0b: case 0x0c: case 0x11: case 0x25: case 0x29: return (struct step){ FIXED, 1 };
	case 0x05: case 0x12: case 0x26: case 0x2a: return (struct step){ FIXED, 2 };
	case 0x27: case 0x2b: return (struct step){ FIXED, 3 };
	case 0x06: case 0x13: case 0x1c: case 0x28: case 0x2c: return (struct step){ FIXED, 4 };
	case 0x07: case 0x14: case 0x20: case 0x24: return (struct step){ FIXED, 8 };
	case 0x1e: return (struct step){ FIXED, 16 };
	case 0x01: return (struct step){ FIXED, address };
	case 0x0e: case 0x10: case 0x17: case 0x1d: case 0x1f: return (struct step){ FIXED, offset };
	case 0x0d: case 0x0f: case 0x15: case 0x1a: case 0x1b: case 0x22: case 0x23:
		return (struct step){ LEB, 0 };
	case 0x08: return (struct step){ TEXT, 0 };
	case 0x0a: return (struct step){ BLOCK1, 0 };
	case 0x03: return (struct step){ BLOCK2, 0 };
	case 0x04: return (struct step){ BLOCK4, 0 };
	case 0x09: case 0x18: return (struct step){ BLOCK, 0 };
	}
	die("a form this doesn't know");
	return (struct step){ 0, 0 };
}

static uint64_t compile(struct range section, uint64_t offset, int address, int offset_size)
{
	const uint8_t *at = section.start + offset;
	uint32_t num = 0;
	uint64_t code, last = 0;

	while ((code = uleb(&at))) {
		struct abbrev *a = &abbrevs[code];

		if (code >= MAX_CODES)
			die("too many abbreviations");
		last = code > last ? code : last;
		uleb(&at);
		*a = (struct abbrev){ .first = num, .children = *at++ };
		for (;;) {
			uint64_t attribute = uleb(&at), form = uleb(&at);
			struct step step;

			if (!attribute && !form)
				break;
			if (form == 0x21)
				uleb(&at);
			a->attributes++;
			step = step_of(form, address, offset_size);
			if (step.how == FIXED && num > a->first && steps[num - 1].how == FIXED)
				steps[num - 1].size += step.size;
			else if (step.how != FIXED || step.size)
				steps[num++] = step;
			if (num == MAX_STEPS)
				die("too many attributes");
		}
		a->count = num - a->first;
	}
	return last;
}

static struct range section(const uint8_t *file, size_t size, const char *name)
{
	const Elf64_Ehdr *head = (const void *)file;
	const Elf64_Shdr *rows = (const void *)(file + head->e_shoff);
	const char *names = (const char *)file + rows[head->e_shstrndx].sh_offset;

	for (int i = 0; i < head->e_shnum; i++) {
		if (strcmp(names + rows[i].sh_name, name))
			continue;
		if (rows[i].sh_flags & SHF_COMPRESSED || rows[i].sh_offset + rows[i].sh_size > size)
			die("a section is compressed or cut");
		return (struct range){ file + rows[i].sh_offset,
				       file + rows[i].sh_offset + rows[i].sh_size };
	}
	die("no DWARF");
	return (struct range){ 0, 0 };
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
	uint64_t units = 0, dies = 0, attributes = 0;
	struct range info, table;
	const uint8_t *file, *at;
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		die("usage: scan FILE");
	file = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file == MAP_FAILED || memcmp(file, ELFMAG, SELFMAG) || file[EI_CLASS] != ELFCLASS64)
		die("not a 64-bit ELF file");
	info = section(file, status.st_size, ".debug_info");
	table = section(file, status.st_size, ".debug_abbrev");
	for (at = info.start; at < info.end; units++) {
		const uint8_t *end;
		uint64_t length = word(at, 4), offset, last;
		int size = 4, version, address;

		at += 4;
		if (length == 0xffffffff) {
			length = word(at, 8);
			size = 8;
			at += 8;
		}
		end = at + length;
		version = word(at, 2);
		at += 2;
		if (version >= 5) {
			if (at[0] != 1)
				die("a unit that is no compile unit");
			address = at[1];
			offset = word(at + 2, size);
			at += 2 + size;
		} else {
			offset = word(at, size);
			address = at[size];
			at += size + 1;
		}
		last = compile(table, offset, address, size);
		while (at < end) {
			uint64_t code = uleb(&at);
			struct abbrev *a = &abbrevs[code];
			struct step *step = steps + a->first, *stop = step + a->count;

			if (!code)
				continue;
			if (code > last)
				die("a code without its abbreviation");
			dies++;
			attributes += a->attributes;
			for (; step < stop; step++) {
				switch (step->how) {
				case FIXED: at += step->size; break;
				case LEB: while (*at++ & 0x80); break;
				case TEXT: while (*at++); break;
				case BLOCK1: at += at[0] + 1; break;
				case BLOCK2: at += word(at, 2) + 2; break;
				case BLOCK4: at += word(at, 4) + 4; break;
				case BLOCK: length = uleb(&at); at += length; break;
				}
			}
		}
	}
	printf("%lu units, %lu DIEs, %lu attributes\n", units, dies, attributes);
	return 0;
}
