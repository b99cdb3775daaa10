/* Relocations of every kind that clang 14 knows, for tests/peers/test_min_core.py.
 *
 * Local types differ from any kernel's on purpose: what counts is names.
 */
#define CORE __attribute__((preserve_access_index))
#define PROGRAM __attribute__((section("syscall"), used))

typedef unsigned long long u64;

struct list_head {
	struct list_head *next, *prev;
} CORE;

struct nothing_of_the_kind {
	int at_all;
} CORE;

#ifdef FIELDS
struct sched_entity {
	u64 vruntime;
} CORE;
struct task_struct {
	char comm[16];
	int pid;
	struct sched_entity se;
	struct task_struct *group_leader;
	struct list_head tasks;
	struct {
		int tgid;
	};
} CORE;
struct task_struct___old {
	long state;
} CORE;
struct task_struct___new {
	unsigned int __state;
} CORE;

PROGRAM u64 fields(struct task_struct *task)
{
	struct task_struct___old *old = (void *)task;
	struct task_struct___new *new = (void *)task;
	u64 found = task->pid + task->tgid + task->se.vruntime + task->comm[3] +
		    (u64)task->tasks.next->prev;

	if (__builtin_preserve_field_info(old->state, 2))
		found += old->state;
	if (__builtin_preserve_field_info(new->__state, 2))
		found += new->__state;
	found += __builtin_preserve_field_info(task->group_leader->pid, 1);
	found += __builtin_preserve_field_info(task->pid, 3);
	return found;
}
#endif

#ifdef BITFIELDS
struct iphdr {
	unsigned char ihl : 4, version : 4;
} CORE;
struct sk_buff {
	unsigned char cloned : 1;
	unsigned char pkt_type : 3;
	unsigned int len;
} CORE;

PROGRAM u64 bitfields(struct sk_buff *skb)
{
	struct iphdr *ip = (void *)skb;

	return __builtin_preserve_field_info(skb->cloned, 0) +
	       __builtin_preserve_field_info(skb->pkt_type, 1) +
	       __builtin_preserve_field_info(skb->pkt_type, 4) +
	       __builtin_preserve_field_info(skb->pkt_type, 5) +
	       __builtin_preserve_field_info(ip->version, 0) + skb->len;
}
#endif

#ifdef ARRAYS
struct pid;
struct upid {
	int nr;
} CORE;
struct pid {
	int level;
	struct upid numbers[];
} CORE;
struct seccomp_data {
	u64 args[6];
} CORE;
struct mm_struct {
	u64 saved_auxv[52];
} CORE;
union bpf_attr {
	struct {
		int map_type;
	};
	struct {
		int btf_fd;
	} raw_tracepoint;
} CORE;

PROGRAM u64 arrays(struct pid *pid)
{
	struct seccomp_data *data = (void *)pid;
	struct mm_struct *mm = (void *)pid;
	union bpf_attr *attr = (void *)pid;

	return pid->numbers[0].nr + pid->numbers[2].nr + data->args[5] + mm->saved_auxv[7] +
	       attr->map_type + data[2].args[1];
}
#endif

#ifdef TYPES
struct file {
	int f_flags;
} CORE;
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 99,
	BPF_MAP_TYPE_NONSENSE = 100,
};
enum bpf_map_type___other {
	BPF_MAP_TYPE_ARRAY___other = 7,
};
typedef int pid_t;
typedef struct {
	int counter;
} atomic_t;
typedef u64 (*bpf_callback_t)(u64, u64, u64, u64, u64);
struct bpf_func_state___mine {
	int frameno;
} CORE;

#define EXISTS(type) __builtin_preserve_type_info(*(type *)0, 0)
#define SIZE(type) __builtin_preserve_type_info(*(type *)0, 1)
#define VALUE(type, name, what) \
	__builtin_preserve_enum_value(*(typeof(type) *)name, what)

PROGRAM u64 types(void *context)
{
	u64 found = EXISTS(struct file) + SIZE(struct file) + EXISTS(struct nothing_of_the_kind) +
		    EXISTS(pid_t) + SIZE(atomic_t) + EXISTS(union bpf_attr) +
		    EXISTS(struct bpf_func_state___mine) + EXISTS(bpf_callback_t);

	found += __builtin_btf_type_id(*(struct file *)0, 1);
	found += __builtin_btf_type_id(*(struct list_head *)0, 0);
	found += VALUE(enum bpf_map_type, BPF_MAP_TYPE_HASH, 1);
	found += VALUE(enum bpf_map_type, BPF_MAP_TYPE_NONSENSE, 0);
	found += VALUE(enum bpf_map_type___other, BPF_MAP_TYPE_ARRAY___other, 1);
	return found;
}
#endif

char _license[] __attribute__((section("license"), used)) = "GPL";
