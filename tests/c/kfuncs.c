/* kfuncs: functions listed in a flagged set of .BTF_ids get a tag, and a second one for flag 12.
 *
 * builds: gcc5 clang5
 */
struct task { int id; };
int kf_plain(struct task *task) { return task->id; }
int kf_fast(int a) { return a; }
int not_in_a_set(int a) { return a; }
int in_other_set(int a) { return a; }

#define SET(name, flags) \
	".local __BTF_ID__set8__" #name "\n__BTF_ID__set8__" #name ":\n.long 0, " #flags "\n"
#define ID(name, number, flags) \
	".local __BTF_ID__func__" #name "__" #number "\n" \
	".type __BTF_ID__func__" #name "__" #number ", STT_OBJECT\n" \
	".size __BTF_ID__func__" #name "__" #number ", 4\n" \
	"__BTF_ID__func__" #name "__" #number ":\n.long 0, " #flags "\n"
#define END(name) \
	".type __BTF_ID__set8__" #name ", STT_OBJECT\n" \
	".size __BTF_ID__set8__" #name ", .-__BTF_ID__set8__" #name "\n"
__asm__(".pushsection .BTF_ids,\"a\"\n"
	SET(kfuncs, 1) ID(kf_plain, 1, 0) ID(kf_fast, 2, 0x1000) END(kfuncs)
	SET(others, 0) ID(in_other_set, 3, 0) END(others)
	".popsection\n");
/*
INT int size=4 encoding=SIGNED
STRUCT task size=4
  0 int id
FUNC static int in_other_set(int a)
FUNC static int kf_fast(int a)
FUNC static int kf_plain(struct task *task)
FUNC static int not_in_a_set(int a)
DECL_TAG bpf_fastcall on FUNC kf_fast
DECL_TAG bpf_kfunc on FUNC kf_fast
DECL_TAG bpf_kfunc on FUNC kf_plain
*/
