/* A weak variable and the strong one in its place: written once if they are alike; if they differ
 * the second goes to a second section of the same name, since the kernel refuses an overlap.
 *
 * builds: gcc4 gcc5 clang4 clang5
 * units: 2
 * pahole: not all: writes both at one offset
 */
#if UNIT == 1
__attribute__((weak)) int alike = 1;
__attribute__((weak)) int differs = 2;
__attribute__((weak)) int only_weak = 3;
#else
int alike = 4;
unsigned int differs = 5;
#endif
/*
INT int size=4 encoding=SIGNED
INT unsigned int size=4 encoding=(none)
DATASEC .data
  4 global int alike
  4 global int differs
  4 global int only_weak
DATASEC .data
  4 global unsigned int differs
*/
