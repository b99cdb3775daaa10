/* Types inside functions, blocks and structs count like any other.
 *
 * builds: gcc4 gcc5 clang4 clang5
 */
int outer(int argument)
{
	struct in_function { int a; struct in_struct { char b; } c; } local = {argument, {0}};
	typedef struct in_function renamed;
	renamed *pointer = &local;
	{
		enum in_block { BLOCK = 2 } e = BLOCK;
		struct in_block_struct { enum in_block e; } s = {e};
		return pointer->a + (int)s.e;
	}
}
/*
ENUM in_block size=4 encoding=UNSIGNED: BLOCK=2
FUNC static int outer(int argument)
INT char size=1 encoding=SIGNED
INT int size=4 encoding=SIGNED
STRUCT in_block_struct size=4
  0 enum in_block e
STRUCT in_function size=8
  0 int a
  32 struct in_struct c
STRUCT in_struct size=1
  0 char b
TYPEDEF struct in_function renamed
*/
