/* Functions: with a body and a symbol; static or global, variadic, without a prototype; inlined
 * ones and declarations not. Linkage is always static, as pahole writes it.
 *
 * builds: gcc4 gcc5 clang4 clang5
 */
struct context { int depth; };
int declared(int);
static inline __attribute__((always_inline)) int inlined(int a) { return a + 1; }
static int internal(struct context *c) { return c->depth; }
int external(int first, const char *second) { return first + second[0]; }
int variadic(const char *format, ...) { return format[0]; }
void nothing(void) {}
int no_prototype() { return 0; }
struct context by_value(struct context c) { c.depth++; return c; }
__attribute__((weak)) int weak_function(int a) { return a; }
int calls(struct context *c) { return inlined(internal(c)); }
int (*gives_pointer(int which))(int) { return which ? declared : 0; }
int declared(int a) { return a; }
typedef int array[4];
int takes_array(array a, int b[2][3]) { return a[0] + b[0][0]; }
const char *const fixed_result(volatile int *v) { return *v ? "a" : "b"; }
/*
FUNC static int (*gives_pointer(int which))(int)
FUNC static int calls(struct context *c)
FUNC static int declared(int a)
FUNC static int external(int first, const char *second)
FUNC static int internal(struct context *c)
FUNC static int no_prototype(void)
FUNC static int takes_array(int *a, int (*b)[3])
FUNC static int variadic(const char *format, ...)
FUNC static int weak_function(int a)
FUNC static struct context by_value(struct context c)
FUNC static void nothing(void)
INT char size=1 encoding=SIGNED
INT int size=4 encoding=SIGNED
STRUCT context size=4
  0 int depth

? clang4 clang5
FUNC static const char *const fixed_result(volatile int *v)

? gcc4 gcc5
FUNC static const char *fixed_result(volatile int *v)
*/
