/* Without var there are types and functions only; without float, enum64 and tags older kinds.
 *
 * builds: gcc5 clang5
 * features: consistent_func
 */
__attribute__((section(".data..percpu"))) int percpu = 1;
int ordinary = 4;
double real = 1.0;
enum wide { WIDE = 0x1ffffffff, LOW = 1 } wide;
#ifdef __clang__
struct tagged { int __attribute__((btf_type_tag("user"))) *where; }
	__attribute__((btf_decl_tag("tag"))) tagged;
#else
struct tagged { int *where; } tagged;
#endif
int function(double x) { return (int)x; }
/*
ENUM wide size=8 encoding=UNSIGNED: WIDE=4294967295 LOW=1
FUNC static int function(double x)
INT double size=8 encoding=(none)
INT int size=4 encoding=SIGNED
STRUCT tagged size=8
  0 int *where
*/
