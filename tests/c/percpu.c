/* Without global_var only the variables of .data..percpu are written.
 *
 * builds: gcc4 gcc5 clang4 clang5
 * link: relocatable
 * features: encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,consistent_func
 */
struct counters { long hits, misses; };
__attribute__((section(".data..percpu"))) struct counters counters = {1, 2};
__attribute__((section(".data..percpu"))) static int depth = 1;
__attribute__((section(".data..percpu..other"))) int not_this = 3;
int ordinary = 4;
int use(void) { return depth; }
/*
INT int size=4 encoding=SIGNED
INT long size=8 encoding=SIGNED
STRUCT counters size=16
  0 long hits
  64 long misses
FUNC static int use(void)
DATASEC .data..percpu
  16 global struct counters counters
  4 static int depth
*/
