/* What tests ask of libbpf, one job a call; files are raw BTF.
 *
 *   libbpf levels BASE FILE...                 load each over the one before; print what the last holds
 *   libbpf distill BASE FILE OUT_BASE OUT      btf__distill_base
 *   libbpf relocate DISTILLED FILE BASE OUT    btf__relocate
 *
 * Declared here, so that no headers are needed beside the library.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct btf;
struct btf_type {
	uint32_t name_off, info, size;
};
struct btf *btf__parse_raw_split(const char *path, struct btf *base);
struct btf *btf__parse_raw(const char *path);
const struct btf_type *btf__type_by_id(const struct btf *btf, uint32_t id);
const char *btf__name_by_offset(const struct btf *btf, uint32_t offset);
uint32_t btf__type_cnt(const struct btf *btf);
const void *btf__raw_data(const struct btf *btf, uint32_t *size);
int btf__distill_base(const struct btf *src, struct btf **base, struct btf **split);
int btf__relocate(struct btf *btf, const struct btf *base);

static void *checked(void *btf, const char *what)
{
	if (!btf) {
		perror(what);
		exit(1);
	}
	return btf;
}

static void save(const struct btf *btf, const char *path)
{
	uint32_t size;
	const void *data = btf__raw_data(btf, &size);
	FILE *file = checked(fopen(path, "wb"), path);

	if (!data || fwrite(data, 1, size, file) != size || fclose(file)) {
		perror(path);
		exit(1);
	}
}

static int levels(int num, char **paths)
{
	struct btf *btf = checked(btf__parse_raw(paths[0]), paths[0]);
	uint32_t first = 1;

	for (int i = 1; i < num; i++) {
		first = btf__type_cnt(btf);
		btf = checked(btf__parse_raw_split(paths[i], btf), paths[i]);
	}
	for (uint32_t id = first; id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);

		printf("%u %u %s\n", id, type->info >> 24 & 0x1f,
		       btf__name_by_offset(btf, type->name_off));
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct btf *base, *split, *small, *moved;

	if (argc > 2 && !strcmp(argv[1], "levels"))
		return levels(argc - 2, argv + 2);
	if (argc != 6)
		return 2;
	base = checked(btf__parse_raw(argv[2]), argv[2]);
	split = checked(btf__parse_raw_split(argv[3], base), argv[3]);
	if (!strcmp(argv[1], "distill")) {
		if (btf__distill_base(split, &small, &moved)) {
			perror("btf__distill_base");
			return 1;
		}
		save(small, argv[4]);
		save(moved, argv[5]);
		return 0;
	}
	if (!strcmp(argv[1], "relocate")) {
		if (btf__relocate(split, checked(btf__parse_raw(argv[4]), argv[4]))) {
			perror("btf__relocate");
			return 1;
		}
		save(split, argv[5]);
		return 0;
	}
	return 2;
}
