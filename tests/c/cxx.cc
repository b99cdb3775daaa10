/* C++: what C can say too is written. Bases, methods and static members are left out, references
 * are pointers, a name that is no identifier is dropped, an overloaded function has no one type.
 *
 * builds: gcc4 gcc5 clang4 clang5 gcc5_types clang5_types
 * link: object
 * pahole: not all: encodes nothing once there is a reference, writes names that are not C
 */
namespace space {
struct point { int x, y; static int count; int sum() const { return x + y; } };
enum class color : unsigned char { RED, GREEN };
}
class base { public: int held; };
class derived : public base { public: int own; space::point at; };
struct references { int &left; const space::point &&right; };
template <typename T> struct box { T value; };
typedef decltype(nullptr) nothing;

space::point origin;
space::color paint = space::color::GREEN;
derived both;
box<long> boxed;
bool truth = true;
wchar_t wide = L'w';
char16_t sixteen = u's';
nothing null_pointer;
int refer(references &r) { return r.left; }
extern "C" int plain(space::point *p) { return p->x; }
int overloaded(int a) { return a; }
int overloaded(long a) { return (int)a; }
/*
INT bool size=1 encoding=BOOL
INT char16_t size=2 encoding=(none)
INT int size=4 encoding=SIGNED
INT long size=8 encoding=SIGNED
INT wchar_t size=4 encoding=SIGNED
ENUM color size=1 encoding=UNSIGNED: RED=0 GREEN=1
STRUCT base size=4
  0 int held
STRUCT derived size=16
  32 int own
  64 struct point at
STRUCT point size=8
  0 int x
  32 int y
STRUCT references size=16
  0 int *left
  64 const struct point *right
TYPEDEF void nothing
FUNC static int plain(struct point *p)
DATASEC .bss
  16 global struct derived both
  8 global struct (8) {0 long value} boxed
  8 global struct point origin
DATASEC .data
  1 global enum color paint
  2 global char16_t sixteen
  1 global bool truth
  4 global wchar_t wide
*/
