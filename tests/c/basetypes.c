/* Base types: size and encoding; no type is ever CHAR; a size that is no power of two isn't said.
 *
 * builds: gcc4 gcc5 clang4 clang5
 */
struct base {
	_Bool flag;
	char plain;
	signed char sc;
	unsigned char uc;
	short s;
	unsigned short us;
	int i;
	unsigned int u;
	long l;
	unsigned long ul;
	long long ll;
	unsigned long long ull;
	__int128 i128;
	unsigned __int128 u128;
	float f;
	double d;
	long double ld;
};
struct base base;
/*
DATASEC .bss
  112 global struct base base
FLOAT double size=8
FLOAT float size=4
FLOAT long double size=16
INT _Bool size=1 encoding=BOOL
INT __int128 size=16 encoding=SIGNED
INT char size=1 encoding=SIGNED
INT int size=4 encoding=SIGNED
INT long long size=8 encoding=SIGNED
INT long size=8 encoding=SIGNED
INT short size=2 encoding=SIGNED
INT signed char size=1 encoding=SIGNED
INT unsigned __int128 size=16 encoding=(none)
INT unsigned char size=1 encoding=(none)
INT unsigned int size=4 encoding=(none)
INT unsigned long long size=8 encoding=(none)
INT unsigned long size=8 encoding=(none)
INT unsigned short size=2 encoding=(none)
STRUCT base size=112
  0 _Bool flag
  8 char plain
  16 signed char sc
  24 unsigned char uc
  32 short s
  48 unsigned short us
  64 int i
  96 unsigned int u
  128 long l
  192 unsigned long ul
  256 long long ll
  320 unsigned long long ull
  384 __int128 i128
  512 unsigned __int128 u128
  640 float f
  704 double d
  768 long double ld
*/
