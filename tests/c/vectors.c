/* Vectors are arrays of their elements.
 *
 * builds: gcc4 gcc5 clang4 clang5
 */
typedef int four_ints __attribute__((vector_size(16)));
typedef float two_floats __attribute__((vector_size(8)));
struct holder { four_ints v; two_floats f; };
four_ints v;
struct holder holder;
/*
DATASEC .bss
  32 global struct holder holder
  16 global four_ints v
FLOAT float size=4
INT int size=4 encoding=SIGNED
STRUCT holder size=32
  0 four_ints v
  128 two_floats f
TYPEDEF float two_floats[2]
TYPEDEF int four_ints[4]
*/
