/* Load the programs of a BPF object one by one with libbpf, and run each; they are of the type
 * syscall.
 *
 *   load_bpf OBJECT [PROGRAM]
 *
 * Prints, for each, the eight numbers and the text that it leaves in its context, or the error and
 * the last lines of what libbpf and the verifier say.
 *
 * Declared here, so that no headers are needed beside the library.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct bpf_object;
struct bpf_program;

struct bpf_test_run_opts {
	size_t sz;
	const void *data_in;
	void *data_out;
	uint32_t data_size_in, data_size_out;
	const void *ctx_in;
	void *ctx_out;
	uint32_t ctx_size_in, ctx_size_out;
	uint32_t retval;
	int repeat;
	uint32_t duration, flags, cpu, batch_size;
};

typedef int (*print_fn)(int level, const char *format, va_list arguments);

struct bpf_object *bpf_object__open_file(const char *path, const void *options);
int bpf_object__load(struct bpf_object *object);
void bpf_object__close(struct bpf_object *object);
struct bpf_program *bpf_object__next_program(const struct bpf_object *object,
					     struct bpf_program *previous);
int bpf_program__set_autoload(struct bpf_program *program, _Bool load);
const char *bpf_program__name(const struct bpf_program *program);
int bpf_program__fd(const struct bpf_program *program);
int bpf_prog_test_run_opts(int fd, struct bpf_test_run_opts *options);
print_fn libbpf_set_print(print_fn function);

static char said[1 << 20];
static size_t length;

static int remember(int level, const char *format, va_list arguments)
{
	int added;

	(void)level;
	added = vsnprintf(said + length, sizeof(said) - length, format, arguments);
	if (added > 0 && length + added < sizeof(said))
		length += added;
	return added;
}

/* Run the program of a number; return 0 if there is none. */
static int run(const char *path, int wanted, const char *only)
{
	struct {
		uint64_t numbers[8];
		char text[64];
	} context = {0};
	struct bpf_test_run_opts options = {
		.sz = sizeof(options), .ctx_in = &context, .ctx_size_in = sizeof(context),
	};
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program = NULL, *chosen = NULL;
	int error, i = 0;

	if (!object)
		return 0;
	while ((program = bpf_object__next_program(object, program))) {
		bpf_program__set_autoload(program, i == wanted);
		if (i++ == wanted)
			chosen = program;
	}
	if (!chosen || (only && strcmp(only, bpf_program__name(chosen)))) {
		bpf_object__close(object);
		return chosen != NULL;
	}
	length = 0;
	said[0] = 0;
	printf("== %s\n", bpf_program__name(chosen));
	error = bpf_object__load(object);
	if (!error)
		error = bpf_prog_test_run_opts(bpf_program__fd(chosen), &options);
	if (error) {
		printf("error %d\n%s", error, length > 1500 ? said + length - 1500 : said);
	} else {
		for (i = 0; i < 8; i++)
			printf("%s%llu", i ? " " : "", (unsigned long long)context.numbers[i]);
		printf("\n%.64s\n", context.text);
	}
	bpf_object__close(object);
	return 1;
}

int main(int argc, char **argv)
{
	int i = 0;

	libbpf_set_print(remember);
	while (argc > 1 && run(argv[1], i, argv[2]))
		i++;
	return 0;
}
