/* A program of three units that share a header, told in every way its DWARF can be packed.
 *
 * builds: gcc2 gcc3 gcc4 gcc5 gcc5_dwarf64 gcc4_types gcc5_types gcc4_split gcc5_split gcc5_zlib gcc4_gnu gcc5_zstd gcc4_dwz gcc5_dwz gcc4_alt gcc5_alt gcc5_relocs clang4 clang5 clang5_split gcc5_s390x
 * units: 3
 * pahole: not gcc4_types gcc5_types gcc4_split gcc5_split clang5_split: reads no type unit, no .dwo
 */
typedef unsigned int u32;
enum state { IDLE, BUSY, FAILED = -5 };
struct list { struct list *next, **previous; };
struct device;
struct operations {
	int (*start)(struct device *device, u32 flags);
	void (*log)(const char *format, ...);
};
struct device {
	struct list list;
	const struct operations *operations;
	enum state state : 8;
	u32 flags : 24;
	union { u32 word; unsigned char bytes[4]; };
	struct { double weight; char name[2][8]; } detail;
	struct private *private;
};
#if UNIT == 1
struct device first = { .flags = 1 };
int start(struct device *device, u32 flags) { device->flags = flags; return 0; }
#elif UNIT == 2
struct private { struct device *owner; };
struct device second = { .flags = 2 };
static struct private held = { &second };
struct private *hold(void) { return &held; }
#else
struct only_here { struct device device; long extra[3]; };
struct only_here third = { .extra = {3} };
const struct operations *last(struct only_here *here) { return here->device.operations; }
#endif
/*
INT int size=4 encoding=SIGNED
INT long size=8 encoding=SIGNED
INT unsigned char size=1 encoding=(none)
INT unsigned int size=4 encoding=(none)
FLOAT double size=8
ENUM state size=4 encoding=SIGNED: IDLE=0 BUSY=1 FAILED=-5
STRUCT device size=64
  0 struct list list
  128 const struct operations *operations
  192:8 enum state state
  200:24 u32 flags
  224 union (4) {0 u32 word; 0 unsigned char bytes[4]}
  256 struct (24) {0 double weight; 64 char name[2][8]} detail
  448 struct private *private
STRUCT list size=16
  0 struct list *next
  64 struct list **previous
STRUCT only_here size=88
  0 struct device device
  512 long extra[3]
STRUCT operations size=16
  0 int (*start)(struct device *, u32)
  64 void (*log)(const char *, ...)
STRUCT private size=8
  0 struct device *owner
TYPEDEF unsigned int u32
FUNC static const struct operations *last(struct only_here *here)
FUNC static int start(struct device *device, u32 flags)
FUNC static struct private *hold(void)
DATASEC .data
  64 global struct device first
  8 static struct private held
  64 global struct device second
  88 global struct only_here third

? not gcc5_s390x
INT char size=1 encoding=SIGNED

? gcc5_s390x
INT char size=1 encoding=(none)
*/
