/* Optimised functions: one whose name got a suffix because a parameter went is left out.
 *
 * builds: gcc4 gcc5
 * flags: -O2
 */
struct pair { int a, b; };
volatile int sink;

/* Becomes isra: only one member is read, and passed itself. */
static __attribute__((noinline)) int reads_one(struct pair *p) { return p->a + sink; }
/* Becomes constprop: every caller passes the same number. */
static __attribute__((noinline)) int always_same(int x, int y) { sink = x; return y * sink; }
/* Unused, but global: stays as declared. */
__attribute__((noinline)) int unused_global(int used, int unused) { return used + sink; }
/* No change. */
static __attribute__((noinline)) int plain(int x) { return x * sink; }
/* Inlined everywhere: no symbol. */
static int gone(int x) { return x - 1; }

int user(struct pair *p, int n)
{
	return reads_one(p) + always_same(n, 17) + always_same(n + 1, 17) + unused_global(n, 1) + plain(gone(n));
}
/*
DATASEC .bss
  4 global volatile int sink
FUNC static int plain(int x)
FUNC static int unused_global(int used, int unused)
FUNC static int user(struct pair *p, int n)
INT int size=4 encoding=SIGNED
STRUCT pair size=8
  0 int a
  32 int b
*/
