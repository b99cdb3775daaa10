/* Link-time optimisation: one unit refers to another's types; variables and functions have their
 * names in the abstract instance they come from.
 *
 * builds: gcc5_lto clang5_lto
 * flags: -Wl,-u,counter -Wl,-u,increase -Wl,-u,device_depth -Wno-unused-command-line-argument
 * units: 2
 * pahole: not gcc5_lto: doesn't follow the abstract origin of a variable
 */
struct device { int depth; struct device *parent; };
extern struct device top;
int increase(int by);
#if UNIT == 1
__attribute__((used)) volatile int counter = 1;
__attribute__((used, noinline)) int increase(int by) { return counter += by; }
#else
__attribute__((used)) struct device top = {1, &top};
__attribute__((used)) int device_depth(struct device *device) { return increase(device->depth); }
#endif
/*
INT int size=4 encoding=SIGNED
STRUCT device size=16
  0 int depth
  64 struct device *parent
FUNC static int device_depth(struct device *device)
FUNC static int increase(int by)
DATASEC .data
  4 global volatile int counter
  16 global struct device top
*/
