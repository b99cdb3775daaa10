/* _Atomic types: BTF has no such qualifier, so it is dropped.
 *
 * builds: gcc4 gcc5 clang4 clang5
 * pahole: not gcc5 clang5: encodes nothing at all
 */
typedef _Atomic int atomic_int;
struct counter { _Atomic long value; atomic_int references; struct counter *_Atomic next; };
struct counter counter;
_Atomic unsigned int state = 1;
/*
INT long size=8 encoding=SIGNED
INT unsigned int size=4 encoding=(none)
STRUCT counter size=24
  0 long value
  64 atomic_int references
  128 struct counter *next
DATASEC .bss
  24 global struct counter counter
DATASEC .data
  4 global unsigned int state

? not gcc4
INT int size=4 encoding=SIGNED
TYPEDEF int atomic_int

? gcc4
INT atomic_int size=4 encoding=SIGNED
*/
