/* Arrays: one record a dimension, the innermost first; a count that isn't known is 0.
 *
 * builds: gcc4 gcc5 clang4 clang5 gcc5_s390x
 * pahole: not gcc4 gcc5 gcc5_s390x: loses a variable whose first declaration had no size
 */
typedef int triple[3];
struct flexible { int count; int items[]; };
struct zero { int count; int items[0]; };
struct item { char name[16]; };

int one[4];
int two[2][3];
char three[2][3][5];
triple of_typedef[2];
const int fixed[2] = {1, 2};
int *pointers[3];
int (*to_array)[3];
int (*to_two)[2][3];
struct item items[2][2];
struct flexible *flexible;
struct zero zero;
extern int unknown[];
int *use = unknown;
int unknown[7];

int variable_length(int n)
{
	char local[n];
	long matrix[n][4];
	local[0] = (char)n;
	matrix[0][0] = n;
	return local[0] + (int)matrix[0][0] + (int)sizeof(local);
}
/*
DATASEC .data
  8 global int *use
FUNC static int variable_length(int n)
INT int size=4 encoding=SIGNED
INT long size=8 encoding=SIGNED
STRUCT flexible size=4
  0 int count
  32 int items[0]
STRUCT item size=16
  0 char name[16]
STRUCT zero size=4
  0 int count
  32 int items[0]

? not clang4 clang5
DATASEC .bss
  8 global struct flexible *flexible
  64 global struct item items[2][2]
  24 global int of_typedef[2][3]
  16 global int one[4]
  24 global int *pointers[3]
  30 global char three[2][3][5]
  8 global int (*to_array)[3]
  8 global int (*to_two)[2][3]
  24 global int two[2][3]
  28 global int unknown[7]
  4 global struct zero zero
DATASEC .rodata
  8 global const int (const fixed)[2]

? clang4 clang5
DATASEC .bss
  8 global struct flexible *flexible
  64 global struct item items[2][2]
  24 global triple of_typedef[2]
  16 global int one[4]
  24 global int *pointers[3]
  30 global char three[2][3][5]
  8 global int (*to_array)[3]
  8 global int (*to_two)[2][3]
  24 global int two[2][3]
  28 global int unknown[7]
  4 global struct zero zero
DATASEC .rodata
  8 global const int fixed[2]
TYPEDEF int triple[3]

? gcc5_s390x
INT char size=1 encoding=(none)

? not gcc5_s390x
INT char size=1 encoding=SIGNED
*/
