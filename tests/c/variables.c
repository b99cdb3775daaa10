/* Variables: those with a place, section by section; no locals, declarations or zero-sized ones.
 *
 * builds: gcc4 gcc5 clang4 clang5
 * link: relocatable
 */
int zeroed;
int given = 1;
static int internal = 2;
static int internal_zeroed;
const int fixed = 3;
static const char text[] = "text";
int in_section __attribute__((section(".data..custom"))) = 4;
int in_odd_section __attribute__((section(".data.once"))) = 5;
struct nothing {} nothing;
int no_items[0];
extern int elsewhere;
extern int declared_then_given;
int declared_then_given = 6;
static int unused = 7;

int uses(void)
{
	static int local_static = 8;
	int local = 9;
	return local + local_static++ + internal++ + internal_zeroed++ + text[0] + (int)(long)&elsewhere;
}
int elsewhere_user(void) { return 0; }
__asm__(".globl elsewhere\n.set elsewhere, 0x10");
/*
INT char size=1 encoding=SIGNED
INT int size=4 encoding=SIGNED
STRUCT nothing size=0
FUNC static int elsewhere_user(void)
FUNC static int uses(void)
DATASEC .bss
  4 static int internal_zeroed
  4 global int zeroed
DATASEC .data..custom
  4 global int in_section
DATASEC .data.once
  4 global int in_odd_section

? clang4 clang5
DATASEC .data
  4 global int declared_then_given
  4 global int given
  4 static int internal
DATASEC .rodata
  4 global const int fixed
  5 static const char text[5]

? gcc4 gcc5
DATASEC .data
  4 global int declared_then_given
  4 global int given
  4 static int internal
  4 static int unused
DATASEC .rodata
  4 global const int fixed
  5 static const char (const text)[5]
*/
