/* Load BPF objects with libbpf and run the one program of each, which is of the type syscall.
 *
 *   load_bpf OBJECT...
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

static void run(const char *path)
{
	struct {
		uint64_t numbers[8];
		char text[64];
	} context = {0};
	struct bpf_test_run_opts options = {
		.sz = sizeof(options), .ctx_in = &context, .ctx_size_in = sizeof(context),
	};
	struct bpf_object *object;
	int error, i;

	length = 0;
	said[0] = 0;
	printf("== %s\n", path);
	object = bpf_object__open_file(path, NULL);
	error = object ? bpf_object__load(object) : -1;
	if (!error)
		error = bpf_prog_test_run_opts(
			bpf_program__fd(bpf_object__next_program(object, NULL)), &options);
	if (error) {
		printf("error %d\n%s", error, length > 1500 ? said + length - 1500 : said);
	} else {
		for (i = 0; i < 8; i++)
			printf("%s%llu", i ? " " : "", (unsigned long long)context.numbers[i]);
		printf("\n%.64s\n", context.text);
	}
	if (object)
		bpf_object__close(object);
}

int main(int argc, char **argv)
{
	int i;

	libbpf_set_print(remember);
	for (i = 1; i < argc; i++)
		run(argv[i]);
	return 0;
}
