/*
 * Load BTF with libbpf and find one type: what `dwarfless find` is measured against.
 *
 * In:  a libbpf to load, a BTF file, a name, how often.
 * Out: the type's id on standard output.
 *
 * libbpf is opened by path, so that no header and no development package is wanted.
 *
 *     cc -O2 -o find find.c && ./find libbpf.so.1 vmlinux.btf task_struct 1
 */

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	void *(*parse)(const char *, void *);
	int32_t (*find)(const void *, const char *);
	void (*release)(void *);
	void *library = argc == 5 ? dlopen(argv[1], RTLD_NOW) : NULL;
	int32_t id = -1;

	if (!library) {
		fprintf(stderr, "find: %s\n",
			argc == 5 ? dlerror() : "usage: find LIBBPF BTF NAME TIMES");
		return 1;
	}
	*(void **)&parse = dlsym(library, "btf__parse");
	*(void **)&find = dlsym(library, "btf__find_by_name");
	*(void **)&release = dlsym(library, "btf__free");
	if (!parse || !find || !release) {
		fprintf(stderr, "find: this is no libbpf\n");
		return 1;
	}
	for (int i = atoi(argv[4]); i > 0; i--) {
		void *btf = parse(argv[2], NULL);

		id = btf ? find(btf, argv[3]) : -1;
		if (id < 0) {
			fprintf(stderr, "find: no BTF, or no such type\n");
			return 1;
		}
		release(btf);
	}
	printf("%d\n", id);
	return 0;
}
