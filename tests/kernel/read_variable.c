/* Read a kernel variable from BPF by its type; the macro READ says which, and how.
 *
 * Compiled once a class of variables by tests/kernel/test_ksym.py.
 */
#include "vmlinux.h"
#include "vars.h"

#define GLUE(a, b) a##b
#define CASE(name) GLUE(read_, name)

static long (*bpf_probe_read_kernel)(void *to, __u32 size, const void *from) = (void *)113;
static long (*bpf_probe_read_kernel_str)(void *to, __u32 size, const void *from) = (void *)115;
static void *(*bpf_per_cpu_ptr)(const void *variable, __u32 cpu) = (void *)153;

struct result {
	__u64 numbers[8];
	char text[64];
};

/* Helpers write to the stack, not to the context. */
static inline void copy_text(struct result *to, const void *from)
{
	char text[sizeof(to->text)] = {};

	bpf_probe_read_kernel_str(text, sizeof(text), from);
	__builtin_memcpy(to->text, text, sizeof(text));
}

/* A number in .data, which the test sets by sysctl. */
static inline void read_data(struct result *to)
{
	to->numbers[0] = panic_timeout;
}

/* An array. */
static inline void read_array(struct result *to)
{
	to->numbers[0] = console_printk[0];
	to->numbers[1] = console_printk[3];
}

/* A struct: members are read through its BTF type. */
static inline void read_struct(struct result *to)
{
	to->numbers[0] = init_task.pid;
	to->numbers[1] = init_task.flags;
	copy_text(to, init_task.comm);
}

/* A struct that another embeds, and a pointer in it that the verifier follows. */
static inline void read_pointer_in_struct(struct result *to)
{
	struct task_struct *task = init_task.group_leader;

	to->numbers[0] = task->pid == init_task.pid;
	to->numbers[1] = (__u64)task == (__u64)&init_task;
}

/* A variable that is a pointer: its value is a number to the verifier. */
static inline void read_pointer(struct result *to)
{
	copy_text(to, saved_command_line);
}

/* The same, followed as if the verifier knew what it points to. */
static inline void read_pointer_followed(struct result *to)
{
	to->numbers[0] = saved_command_line[0];
}

/* Read-only data. */
static inline void read_rodata(struct result *to)
{
	copy_text(to, linux_banner);
}

/* A static variable whose type is a typedef of a struct. */
static inline void read_static(struct result *to)
{
	to->numbers[0] = warn_count.counter;
}

/* A typedef of a struct, by a helper. */
static inline void read_copied(struct result *to)
{
	atomic_t copy = {};

	bpf_probe_read_kernel(&copy, sizeof(copy), &warn_count);
	to->numbers[0] = copy.counter;
}

/* Each CPU's own. */
static inline void read_percpu(struct result *to)
{
	struct rq *rq = bpf_per_cpu_ptr(&runqueues, 0);

	if (rq) {
		to->numbers[0] = rq->cpu;
		to->numbers[1] = rq->clock;
	}
}

/* Each CPU's own, read as if there were one. */
static inline void read_percpu_directly(struct result *to)
{
	to->numbers[0] = runqueues.clock;
}

/* No kernel lets a program write through a typed address. */
static inline void read_write(struct result *to)
{
	panic_timeout = 1;
}

/* So that several reads can be compared. */
static inline void read_clock(struct result *to)
{
	to->numbers[0] = jiffies_64;
}

__attribute__((section("syscall"), used)) int program(struct result *to)
{
	CASE(READ)(to);
	return 0;
}

char _license[] __attribute__((section("license"), used)) = "GPL";
