/* Enums: signed only if a value is negative; eight bytes make an ENUM64, signed as its type is.
 *
 * builds: gcc4 gcc5 clang4 clang5
 */
enum plain { ZERO, ONE, TEN = 10 };
enum negative { MINUS = -1, PLUS = 1 };
enum large { TOP = 0xffffffff };
enum edges { LOWEST = -0x7fffffff - 1, HIGHEST = 0x7fffffff };
enum wide { WIDE = 0x100000000, WIDEST = 0xffffffffffffffff };
enum wide_negative { DEEP = -0x7fffffffffffffff - 1, SHALLOW = 5 };
enum small { TINY = 1, BIGGER = 200 } __attribute__((packed));
enum small_negative { BELOW = -100 } __attribute__((packed));
enum middle { MIDDLE = 40000 } __attribute__((packed));
enum same { FIRST = 3, SECOND = 3 };
enum { UNNAMED, ALONE };
enum incomplete;

enum plain plain;
enum negative negative;
enum large large;
enum edges edges;
enum wide wide;
enum wide_negative wide_negative;
enum small small;
enum small_negative small_negative;
enum middle middle;
enum same same;
enum { HERE = 7 } unnamed;
int constant = ALONE;
enum incomplete *forward;
/*
DATASEC .bss
  4 global enum edges edges
  8 global enum incomplete *forward
  4 global enum large large
  2 global enum middle middle
  4 global enum negative negative
  4 global enum plain plain
  4 global enum same same
  1 global enum small small
  1 global enum small_negative small_negative
  4 global enum (4 unsigned) {HERE=7} unnamed
  8 global enum wide wide
  8 global enum wide_negative wide_negative
DATASEC .data
  4 global int constant
ENUM edges size=4 encoding=SIGNED: LOWEST=-2147483648 HIGHEST=2147483647
ENUM incomplete size=4 encoding=UNSIGNED:
ENUM large size=4 encoding=UNSIGNED: TOP=4294967295
ENUM middle size=2 encoding=UNSIGNED: MIDDLE=40000
ENUM negative size=4 encoding=SIGNED: MINUS=-1 PLUS=1
ENUM plain size=4 encoding=UNSIGNED: ZERO=0 ONE=1 TEN=10
ENUM same size=4 encoding=UNSIGNED: FIRST=3 SECOND=3
ENUM small size=1 encoding=UNSIGNED: TINY=1 BIGGER=200
ENUM small_negative size=1 encoding=SIGNED: BELOW=-100
ENUM64 wide size=8 encoding=UNSIGNED: WIDE=4294967296ULL WIDEST=18446744073709551615ULL
ENUM64 wide_negative size=8 encoding=SIGNED: DEEP=-9223372036854775808LL SHALLOW=5LL
INT int size=4 encoding=SIGNED

? gcc4 gcc5
ENUM size=4 encoding=UNSIGNED: UNNAMED=0 ALONE=1
*/
