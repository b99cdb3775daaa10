/* One name, several bodies: written if they are alike, left out if not. Ambiguous addresses
 * leave it out too, so static functions of one name in two units never enter.
 *
 * builds: gcc4 gcc5 clang4 clang5
 * units: 2
 */
#if UNIT == 1
static int two_bodies(int a) { return a; }
static int differs(int a) { return a; }
__attribute__((weak)) int weak_and_strong(int a) { return a; }
__attribute__((weak)) int weak_differs(int a) { return a; }
int uses1(void) { return two_bodies(1) + differs(2); }
#else
static int two_bodies(int a) { return a + 1; }
static int differs(long a, char *b) { return (int)a + b[0]; }
int weak_and_strong(int a) { return a + 1; }
int weak_differs(long a) { return (int)a; }
int uses2(void) { return two_bodies(1) + differs(2, ""); }
#endif
/*
FUNC static int uses1(void)
FUNC static int uses2(void)
FUNC static int weak_and_strong(int a)
INT char size=1 encoding=SIGNED
INT int size=4 encoding=SIGNED
*/
