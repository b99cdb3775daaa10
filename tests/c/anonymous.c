/* Anonymous members: no name of their own, their fields one level down; equal ones are one type.
 *
 * builds: gcc4 gcc5 clang4 clang5 gcc5_types
 * pahole: not gcc5_types: types in type units become void
 */
struct sk {
	union {
		struct { int first; int second; };
		long both;
	};
	struct { char a; union { short s; char c[2]; } inside; } named;
	union { int i; float f; } one;
	union { int i; float f; } two;
	enum { RED, GREEN } color;
};
struct other { union { int i; float f; } three; };
struct sk sk;
struct other other;
/*
INT char size=1 encoding=SIGNED
INT int size=4 encoding=SIGNED
INT long size=8 encoding=SIGNED
INT short size=2 encoding=SIGNED
FLOAT float size=4
STRUCT other size=4
  0 union (4) {0 int i; 0 float f} three
STRUCT sk size=24
  0 union (8) {0 struct (8) {0 int first; 32 int second}; 0 long both}
  64 struct (4) {0 char a; 16 union (2) {0 short s; 0 char c[2]} inside} named
  96 union (4) {0 int i; 0 float f} one
  128 union (4) {0 int i; 0 float f} two
  160 enum (4 unsigned) {RED=0, GREEN=1} color
DATASEC .bss
  4 global struct other other
  24 global struct sk sk
*/
