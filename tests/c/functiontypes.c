/* Function types: parameters without names, "..." as a last empty one, also where nothing is said.
 *
 * builds: gcc4 gcc5 clang4 clang5
 */
typedef int (*callback)(void *context, int event);
typedef void simple(void);
typedef int unprototyped();
struct operations {
	int (*open)(struct operations *self, const char *name);
	long (*print)(const char *format, ...);
	void (*stop)(void);
	int (*old)();
	callback call;
	simple *done;
	void (*(*choose)(int which))(int signal);
	int (*rows)(int (*table)[4]);
};
struct operations operations;
callback callbacks[2];
unprototyped *older;
/*
DATASEC .bss
  16 global callback callbacks[2]
  8 global unprototyped *older
  64 global struct operations operations
INT char size=1 encoding=SIGNED
INT int size=4 encoding=SIGNED
INT long size=8 encoding=SIGNED
STRUCT operations size=64
  0 int (*open)(struct operations *, const char *)
  64 long (*print)(const char *, ...)
  128 void (*stop)(void)
  192 int (*old)(...)
  256 callback call
  320 simple *done
  384 void (*(*choose)(int))(int)
  448 int (*rows)(int (*)[4])
TYPEDEF int (*callback)(void *, int)
TYPEDEF int unprototyped(...)
TYPEDEF void simple(void)
*/
