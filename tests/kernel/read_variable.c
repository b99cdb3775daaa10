/* Read kernel variables from BPF by their types, a program a class of variables.
 *
 * Loaded one by one by tests/kernel/test_ksym.py.
 */
#include "vmlinux.h"
#include "vars.h"

#define CASE(name) __attribute__((section("syscall"), used)) int name(struct result *to)

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
CASE(read_data)
{
	to->numbers[0] = panic_timeout;
	return 0;
}

/* An array. */
CASE(read_array)
{
	to->numbers[0] = console_printk[0];
	to->numbers[1] = console_printk[3];
	return 0;
}

/* A struct: members are read through its BTF type. */
CASE(read_struct)
{
	to->numbers[0] = init_task.pid;
	to->numbers[1] = init_task.flags;
	copy_text(to, init_task.comm);
	return 0;
}

/* A struct that another embeds, and a pointer in it that the verifier follows. */
CASE(read_pointer_in_struct)
{
	struct task_struct *task = init_task.group_leader;

	to->numbers[0] = task->pid == init_task.pid;
	to->numbers[1] = (__u64)task == (__u64)&init_task;
	return 0;
}

/* A variable that is a pointer: its value is a number to the verifier. */
CASE(read_pointer)
{
	copy_text(to, saved_command_line);
	return 0;
}

/* The same, followed as if the verifier knew what it points to. */
CASE(read_pointer_followed)
{
	to->numbers[0] = saved_command_line[0];
	return 0;
}

/* Read-only data. */
CASE(read_rodata)
{
	copy_text(to, linux_banner);
	return 0;
}

/* A static variable whose type is a typedef of a struct. */
CASE(read_static)
{
	to->numbers[0] = warn_count.counter;
	return 0;
}

/* A typedef of a struct, by a helper. */
CASE(read_copied)
{
	atomic_t copy = {};

	bpf_probe_read_kernel(&copy, sizeof(copy), &warn_count);
	to->numbers[0] = copy.counter;
	return 0;
}

/* Each CPU's own. */
CASE(read_percpu)
{
	struct rq *rq = bpf_per_cpu_ptr(&runqueues, 0);

	if (rq) {
		to->numbers[0] = rq->cpu;
		to->numbers[1] = rq->clock;
	}
	return 0;
}

/* Each CPU's own, read as if there were one. */
CASE(read_percpu_directly)
{
	to->numbers[0] = runqueues.clock;
	return 0;
}

/* No kernel lets a program write through a typed address. */
CASE(read_write)
{
	panic_timeout = 1;
	return 0;
}

/* So that several reads can be compared. */
CASE(read_clock)
{
	to->numbers[0] = jiffies_64;
	return 0;
}

char _license[] __attribute__((section("license"), used)) = "GPL";
