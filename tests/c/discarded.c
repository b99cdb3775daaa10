/* What the linker drops leaves its DIE behind, at address 0: it isn't written.
 *
 * builds: gcc5_gc gcc4 clang5
 * flags: -ffunction-sections -fdata-sections -Wl,--gc-sections -Wl,-u,kept -Wl,-u,keep -Wno-unused-command-line-argument
 */
int kept = 1;
int dropped = 2;
long dropped_zeroed;
struct used { int a; };
int keep(struct used *u) { return u->a; }
struct unused { int b; };
int drop(struct unused *u) { return u->b; }
/*
INT int size=4 encoding=SIGNED
STRUCT unused size=4
  0 int b
STRUCT used size=4
  0 int a
FUNC static int keep(struct used *u)
DATASEC .data
  4 global int kept
*/
