/* Bitfields: offset and width in bits whatever the DWARF version measures from; one bitfield is
 * enough for the whole struct to be written with widths. A full-width one stays a bitfield.
 *
 * DWARF 4 of gcc counts DW_AT_bit_offset from the storage unit's high end, DWARF 5 and clang
 * give DW_AT_data_bit_offset. On s390x the bits are counted from the high end in both.
 *
 * builds: gcc2 gcc3 gcc4 gcc5 clang4 clang5 gcc4_m32 gcc5_m32 gcc4_s390x gcc5_s390x
 */
enum mode { SLOW, FAST, FASTEST };
typedef unsigned int u32;
struct plain { int a; int b; };
struct mixed {
	int ordinary;
	unsigned int one : 1;
	unsigned int three : 3;
	int : 5;
	int signed_seven : 7;
	unsigned int : 0;
	unsigned char byte : 2;
	unsigned short half : 9;
	_Bool flag : 1;
	enum mode mode : 2;
	u32 renamed : 4;
	const volatile unsigned int qualified : 6;
	int after;
};
struct wide {
	unsigned long long low : 33;
	unsigned long long high : 31;
	long long next : 60;
};
struct full { int all : 32; unsigned char byte : 8; };
struct tight { char c; unsigned int across : 31; unsigned long long more : 40; }
	__attribute__((packed));
union either { unsigned int few : 3; unsigned int many : 30; int whole; };
struct within { char c; struct { unsigned int x : 4, y : 4; }; union { int z : 5; }; };

struct plain plain;
struct mixed mixed;
struct wide wide;
struct full full;
struct tight tight;
union either either;
struct within within;
/*
DATASEC .bss
  4 global union either either
  8 global struct full full
  16 global struct mixed mixed
  8 global struct plain plain
  10 global struct tight tight
  16 global struct wide wide
  12 global struct within within
ENUM mode size=4 encoding=UNSIGNED: SLOW=0 FAST=1 FASTEST=2
INT _Bool size=1 encoding=BOOL
INT int size=4 encoding=SIGNED
INT long long size=8 encoding=SIGNED
INT unsigned char size=1 encoding=(none)
INT unsigned int size=4 encoding=(none)
INT unsigned long long size=8 encoding=(none)
INT unsigned short size=2 encoding=(none)
STRUCT plain size=8
  0 int a
  32 int b
STRUCT tight size=10
  0 char c
  8:31 unsigned int across
  39:40 unsigned long long more
STRUCT wide size=16
  0:33 unsigned long long low
  33:31 unsigned long long high
  64:60 long long next
STRUCT within size=12
  0 char c
  32 struct (4) {0:4 unsigned int x; 4:4 unsigned int y}
  64 union (4) {0:5 int z}
TYPEDEF unsigned int u32
UNION either size=4
  0:3 unsigned int few
  0:30 unsigned int many
  0 int whole

? gcc4_s390x gcc5_s390x
INT char size=1 encoding=(none)

? not gcc4_s390x gcc5_s390x
INT char size=1 encoding=SIGNED

? clang4 clang5
STRUCT full size=8
  0 int all
  32 unsigned char byte
STRUCT mixed size=16
  0 int ordinary
  32:1 unsigned int one
  33:3 unsigned int three
  41:7 int signed_seven
  64:2 unsigned char byte
  66:9 unsigned short half
  75:1 _Bool flag
  76:2 enum mode mode
  78:4 u32 renamed
  82:6 const volatile unsigned int qualified
  96 int after

? not clang4 clang5
STRUCT full size=8
  0:32 int all
  32:8 unsigned char byte
STRUCT mixed size=16
  0 int ordinary
  32:1 unsigned int one
  33:3 unsigned int three
  41:7 int signed_seven
  64:2 unsigned char byte
  66:9 unsigned short half
  75:1 _Bool flag
  76:2 enum mode mode
  78:4 u32 renamed
  82:6 volatile const unsigned int qualified
  96 int after
*/
