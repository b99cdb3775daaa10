/* Same-named types that differ all stay, each bound to its own users; equal ones are one.
 *
 * builds: gcc4 gcc5 clang4 clang5
 * units: 2
 */
struct same { int value; };
#if UNIT == 1
struct differs { int a; };
struct common { struct same *s; };
struct chain { struct differs *d; };
#else
struct differs { char b[3]; };
struct common { struct same *s; };
struct chain { struct differs *d; };
#endif
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
struct differs JOIN(differs, UNIT);
struct common JOIN(common, UNIT);
struct chain JOIN(chain, UNIT);

int JOIN(function, UNIT)(void)
{
	struct local { int unit[UNIT]; } l = {{UNIT}};
	return l.unit[0];
}

int JOIN(sibling, UNIT)(void)
{
	struct local { short other; } l;
	l.other = UNIT;
	return l.other;
}
/*
INT char size=1 encoding=SIGNED
INT int size=4 encoding=SIGNED
INT short size=2 encoding=SIGNED
STRUCT chain#1 size=8
  0 struct differs#2 *d
STRUCT chain#2 size=8
  0 struct differs#1 *d
STRUCT common size=8
  0 struct same *s
STRUCT differs#1 size=3
  0 char b[3]
STRUCT differs#2 size=4
  0 int a
STRUCT local#1 size=2
  0 short other
STRUCT local#2 size=4
  0 int unit[1]
STRUCT local#3 size=8
  0 int unit[2]
STRUCT same size=4
  0 int value
FUNC static int function1(void)
FUNC static int function2(void)
FUNC static int sibling1(void)
FUNC static int sibling2(void)
DATASEC .bss
  8 global struct chain#1 chain1
  8 global struct chain#2 chain2
  8 global struct common common1
  8 global struct common common2
  4 global struct differs#2 differs1
  3 global struct differs#1 differs2
*/
