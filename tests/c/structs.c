/* Structs and unions: empty, packed, aligned, nested, holding themselves through a pointer.
 *
 * builds: gcc2 gcc3 gcc4 gcc5 clang4 clang5 gcc5_dwarf64
 */
struct empty {};
union nothing {};
struct packed { char c; int i; short s; } __attribute__((packed));
struct aligned { char c; int i __attribute__((aligned(16))); } __attribute__((aligned(64)));
struct outer {
	struct inner { int a; struct innermost { char z; } b; } first;
	struct inner second[2];
	union choice { int i; float f; struct outer *self; } choice;
	struct empty none;
	char last;
};
struct left { struct right *other; };
struct right { struct left *other; struct left held; };

struct empty empty_one[1];
union nothing *nothing;
struct packed packed;
struct aligned aligned;
struct outer outer;
struct right right;
/*
DATASEC .bss
  64 global struct aligned aligned
  8 global union nothing *nothing
  40 global struct outer outer
  7 global struct packed packed
  16 global struct right right
FLOAT float size=4
INT char size=1 encoding=SIGNED
INT int size=4 encoding=SIGNED
INT short size=2 encoding=SIGNED
STRUCT aligned size=64
  0 char c
  128 int i
STRUCT empty size=0
STRUCT inner size=8
  0 int a
  32 struct innermost b
STRUCT innermost size=1
  0 char z
STRUCT left size=8
  0 struct right *other
STRUCT outer size=40
  0 struct inner first
  64 struct inner second[2]
  192 union choice choice
  256 struct empty none
  256 char last
STRUCT packed size=7
  0 char c
  8 int i
  40 short s
STRUCT right size=16
  0 struct left *other
  64 struct left held
UNION choice size=8
  0 int i
  0 float f
  0 struct outer *self
UNION nothing size=0
*/
