/* Static variables of functions: in blocks, in what is inlined, twice of one name; test_locals.py
 * asks for them. Declarations of what assembler defines.
 *
 * builds: gcc4 gcc5 clang4 clang5
 * link: relocatable
 * flags: -O2
 */
extern int in_assembler;
extern const char open_array[];
extern int nowhere __attribute__((weak));

static inline __attribute__((always_inline)) int counted(void)
{
	static int calls = 1;
	return calls++;
}

int first(int n)
{
	static volatile struct pair { int a, b; } twice = { 1, 2 };
	if (n) {
		static short in_block = 3;
		in_block += n;
		twice.b += in_block;
	}
	twice.a += counted() + in_assembler + open_array[n] + (&nowhere != 0);
	return twice.a + twice.b;
}

int second(void)
{
	static long twice = 4;
	return (int)(twice += counted());
}

__asm__(".pushsection .data\n.balign 4\n.globl in_assembler\nin_assembler: .long 5\n"
	".globl open_array\nopen_array: .byte 1, 2, 3, 4\n.popsection");
/*
INT int size=4 encoding=SIGNED
STRUCT pair size=8
  0 int a
  32 int b
FUNC static int first(int n)
FUNC static int second(void)

? gcc4 gcc5
INT char size=1 encoding=SIGNED
*/
