/* Tags: a type tag stands right behind its pointer, a declaration tag names its target.
 *
 * builds: clang4 clang5
 */
#define user __attribute__((btf_type_tag("user")))
#define rcu __attribute__((btf_type_tag("rcu")))
#define decl(x) __attribute__((btf_decl_tag(x)))

struct tagged {
	int user *where;
	char rcu user *both;
	int user *rcu *layers;
	const int user *fixed;
	int plain decl("member");
	int last decl("last") decl("twice");
} decl("whole");
union tagged_union { int a decl("in union"); } decl("whole union");
typedef int tagged_type decl("a type");
int variable decl("variable");
struct tagged tagged;
union tagged_union tagged_union;
tagged_type of_type;

int decl("function") function(int first, int second decl("parameter"))
{
	return first + second;
}
/*
DATASEC .bss
  4 global tagged_type of_type
  40 global struct tagged tagged
  4 global union tagged_union tagged_union
  4 global int variable
DECL_TAG a type on TYPEDEF tagged_type
DECL_TAG function on FUNC function
DECL_TAG in union on UNION tagged_union [0]
DECL_TAG last on STRUCT tagged [5]
DECL_TAG member on STRUCT tagged [4]
DECL_TAG parameter on FUNC function [1]
DECL_TAG twice on STRUCT tagged [5]
DECL_TAG variable on VAR variable
DECL_TAG whole on STRUCT tagged
DECL_TAG whole union on UNION tagged_union
FUNC static int function(int first, int second)
INT char size=1 encoding=SIGNED
INT int size=4 encoding=SIGNED
STRUCT tagged size=40
  0 tag(user) int *where
  64 tag(user) tag(rcu) char *both
  128 tag(user) int *tag(rcu) *layers
  192 tag(user) const int *fixed
  256 int plain
  288 int last
TYPEDEF int tagged_type
UNION tagged_union size=4
  0 int a
*/
