/* Complex numbers, for which BTF has no word.
 *
 * builds: gcc4 gcc5 clang4 clang5
 * pahole: not all: encodes nothing at all
 */
struct wave { _Complex double amplitude; int phase; };
struct wave wave;
_Complex float single;
int ordinary = 1;
double magnitude(_Complex double number) { return __real__ number; }
/*
INT int size=4 encoding=SIGNED
FLOAT double size=8
FLOAT float size=4
STRUCT wave size=24
  0 struct (16) {0 double real; 64 double imag} amplitude
  128 int phase
FUNC static double magnitude(struct (16) {0 double real; 64 double imag} number)
DATASEC .bss
  8 global struct (8) {0 float real; 32 float imag} single
  24 global struct wave wave
DATASEC .data
  4 global int ordinary
*/
