/* Typedefs: of void, of each other, of anonymous types, qualified, and one that nothing uses.
 *
 * builds: gcc4 gcc5 clang4 clang5
 */
typedef void nothing;
typedef nothing still_nothing;
typedef unsigned int u32;
typedef u32 __be32;
typedef const u32 fixed;
typedef struct { int x, y; } point;
typedef struct named { point *p; } named;
typedef union { u32 word; unsigned char bytes[4]; } parts;
typedef enum { OFF, ON } state;
typedef int row[3];
typedef row *rows;
typedef struct undefined *handle;

still_nothing *a;
__be32 b;
fixed c = 1;
point d;
named e;
parts f;
state g;
row h;
rows i;
handle j;
const row k = {1};
/*
DATASEC .bss
  8 global still_nothing *a
  4 global __be32 b
  8 global point d
  8 global named e
  4 global parts f
  4 global state g
  12 global row h
  8 global rows i
  8 global handle j
FWD struct undefined
INT int size=4 encoding=SIGNED
INT unsigned char size=1 encoding=(none)
INT unsigned int size=4 encoding=(none)
STRUCT named size=8
  0 point *p
TYPEDEF const u32 fixed
TYPEDEF enum (4 unsigned) {OFF=0, ON=1} state
TYPEDEF int row[3]
TYPEDEF row *rows
TYPEDEF struct (8) {0 int x; 32 int y} point
TYPEDEF struct named named
TYPEDEF struct undefined *handle
TYPEDEF u32 __be32
TYPEDEF union (4) {0 u32 word; 0 unsigned char bytes[4]} parts
TYPEDEF unsigned int u32

? clang4 clang5
DATASEC .rodata
  4 global fixed c
  12 global const row k
TYPEDEF nothing still_nothing
TYPEDEF void nothing

? gcc4 gcc5
DATASEC .rodata
  4 global fixed c
  12 global int (const k)[3]
TYPEDEF void still_nothing
*/
