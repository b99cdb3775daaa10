/* Forwards: resolved by the unit that defines the type, kept if none does or if two differ.
 *
 * builds: gcc4 gcc5 clang4 clang5
 * units: 3
 */
#if UNIT == 1
struct defined;
union defined_union;
enum defined_enum;
struct holder { struct defined *a; union defined_union *b; enum defined_enum *c; };
struct holder first;
struct nowhere *nowhere;
union nowhere_union *nowhere_union;
struct twice *twice;
#elif UNIT == 2
struct nowhere;
struct defined { int value; struct nowhere *still; };
union defined_union { int i; char c; };
enum defined_enum { KNOWN = 4 };
struct holder { struct defined *a; union defined_union *b; enum defined_enum *c; };
struct holder second;
struct defined defined;
struct twice { int a; } twice_a;
#else
struct twice { char b; } twice_b;
#endif
/*
DATASEC .bss
  16 global struct defined defined
  24 global struct holder first
  8 global struct nowhere *nowhere
  8 global union nowhere_union *nowhere_union
  24 global struct holder second
  8 global struct twice *twice
  4 global struct twice#2 twice_a
  1 global struct twice#1 twice_b
ENUM defined_enum size=4 encoding=UNSIGNED: KNOWN=4
FWD struct nowhere
FWD struct twice
FWD union nowhere_union
INT char size=1 encoding=SIGNED
INT int size=4 encoding=SIGNED
STRUCT defined size=16
  0 int value
  64 struct nowhere *still
STRUCT holder size=24
  0 struct defined *a
  64 union defined_union *b
  128 enum defined_enum *c
STRUCT twice#1 size=1
  0 char b
STRUCT twice#2 size=4
  0 int a
UNION defined_union size=4
  0 int i
  0 char c
*/
