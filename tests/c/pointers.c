/* Pointers and qualifiers: each a record of its own, also over void, in the order they are said.
 *
 * builds: gcc4 gcc5 clang4 clang5 gcc5_m32 gcc5_s390x
 */
void *nothing;
const void *const_nothing;
volatile void *volatile_nothing;
const volatile void *both_nothing;
int ***deep;
const int fixed = 1;
volatile int changing;
const volatile int register_like = 2;
int *const fixed_pointer = &((int *)0)[0];
const int *to_fixed;
const char *const *const names = 0;
volatile int *volatile hardware;
struct node {
	struct node *next;
	struct node *const *table;
	const struct node *restrict only;
	char *restrict *restrict text;
};
struct node node;
/*
INT int size=4 encoding=SIGNED

? gcc5_m32
DATASEC .bss
  4 global const volatile void *both_nothing
  4 global volatile int changing
  4 global const void *const_nothing
  4 global int ***deep
  4 global volatile int *volatile hardware
  16 global struct node node
  4 global void *nothing
  4 global const int *to_fixed
  4 global volatile void *volatile_nothing
DATASEC .rodata
  4 global const int fixed
  4 global int *const fixed_pointer
  4 global const char *const *const names
STRUCT node size=16
  0 struct node *next
  32 struct node *const *table
  64 const struct node *restrict only
  96 char *restrict *restrict text

? not gcc5_m32
DATASEC .bss
  8 global const volatile void *both_nothing
  4 global volatile int changing
  8 global const void *const_nothing
  8 global int ***deep
  8 global volatile int *volatile hardware
  32 global struct node node
  8 global void *nothing
  8 global const int *to_fixed
  8 global volatile void *volatile_nothing
STRUCT node size=32
  0 struct node *next
  64 struct node *const *table
  128 const struct node *restrict only
  192 char *restrict *restrict text

? not clang4 clang5
DATASEC .data
  4 global const volatile int register_like

? gcc4 gcc5 gcc5_s390x
DATASEC .rodata
  4 global const int fixed
  8 global int *const fixed_pointer
  8 global const char *const *const names

? clang4 clang5
DATASEC .rodata
  4 global const int fixed
  8 global int *const fixed_pointer
  8 global const char *const *const names
  4 global const volatile int register_like

? gcc5_s390x
INT char size=1 encoding=(none)

? not gcc5_s390x
INT char size=1 encoding=SIGNED
*/
