#!/usr/bin/env python3
"""Encode a real kernel and ask the result a question.

In:  Debian's cloud kernel of trixie, fetched when missing; where it can't be had, a small C
     program compiled on the spot.
Out: build/demo/vmlinux.btf, and what was seen, on the terminal.
"""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import dwarfless
import fetch
from dwarfless.graph import views

#: As ./demo, which runs in the root of the tree, finds it.
FOLDER = Path("build") / "demo"

PROGRAM = """
struct list_head { struct list_head *next, *prev; };
typedef unsigned int u32;
struct task_struct {
    u32 pid, tgid;
    unsigned in_execve : 1, frozen : 1;
    const char *comm;
    struct list_head children, sibling;
    int (*wake)(struct task_struct *task, void *key);
    long counts[4];
};
struct task_struct init_task = { .pid = 0, .comm = "swapper" };
int wake_up(struct task_struct *task) { return task->wake(task, 0); }
int main(void) { return init_task.pid; }
"""

#: What C writes before the name of a type of a kind.
KEYWORDS = {"STRUCT": "struct ", "UNION": "union ", "FWD": "struct "}
KEYWORDS |= {"ENUM": "enum ", "ENUM64": "enum "}


class Subject(NamedTuple):
    """What is encoded, and the struct and the variable asked about."""

    path: Path
    structs: tuple[str, ...] = ("list_head", "task_struct")
    variable: str = "init_task"


def kernel() -> Subject | None:
    """Return a real kernel, or None after saying why there is none."""
    try:
        return Subject(fetch.kernel("trixie"))
    except (fetch.FetchError, OSError) as error:
        print(f"No kernel to be had ({error}): compiling a small C program instead.\n")
        return None


def program() -> Subject:
    """Return a small program compiled with DWARF."""
    source = FOLDER / "program.c"
    source.write_text(PROGRAM)
    subprocess.run(["gcc", "-g", "-o", FOLDER / "program", source], check=True)
    return Subject(FOLDER / "program")


def encode(subject: Subject) -> Path:
    """Run `dwarfless encode` as a user would; return the BTF file."""
    output = FOLDER / "vmlinux.btf"
    arguments = ["encode", str(subject.path), "-o", str(output), "--features", "+global_var"]
    print(f"$ dwarfless {shlex.join(arguments)}", flush=True)
    run = "from dwarfless.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", run, *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return output


def declare(type_: views.Type, name: str = "") -> str:
    """Return the C declaration of a name with a type."""
    if isinstance(type_, views.Ptr):
        inner = type_.type
        wrapped = isinstance(inner, views.Array | views.FuncProto)
        return declare(inner, f"(*{name})" if wrapped else f"*{name}")
    if isinstance(type_, views.Array):
        return declare(type_.element, f"{name}[{type_.count}]")
    if isinstance(type_, views.FuncProto):
        types = (declare(type_.graph[param.type_id]) for param in type_.params)
        return declare(type_.type, f"{name}({', '.join(types) or 'void'})")
    if isinstance(type_, views.Const | views.Volatile | views.Restrict):
        word = type_.kind_name.lower()
        if isinstance(type_.type, views.Ptr):
            return declare(type_.type, f"{word} {name}".rstrip())
        return f"{word} {declare(type_.type, name)}"
    if isinstance(type_, views.TypeTag):
        return declare(type_.type, name)
    if isinstance(type_, views.Void):
        return f"void {name}".rstrip()
    word = KEYWORDS.get(type_.kind_name, "")
    text = word + (type_.name or "{...}")
    return f"{text} {name}".rstrip()


def show_struct(graph: dwarfless.TypeGraph, name: str, lines: int = 12) -> None:
    """Print the first members of a struct with their offsets in bytes."""
    struct = graph.find(name, "struct")
    assert isinstance(struct, views.Struct)
    members = struct.members
    print(f"struct {name} {{")
    for member in members[:lines]:
        bits = f":{member.bitfield_size}" if member.bitfield_size else ""
        place = f"{member.bit_offset // 8}" + (f":{member.bit_offset % 8}" if bits else "")
        print(f"    {declare(member.type, member.name) + bits + ';':<52} /* {place:>6} */")
    if len(members) > lines:
        print(f"    ... {len(members) - lines} more")
    print(f"}};  /* {struct.size} bytes */\n")


def main() -> None:
    """Encode, then ask."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    subject = kernel() or program()
    graph = dwarfless.load(encode(subject))
    print(f"\nFrom the {graph.num_own:,} types now in {graph.source}:\n")
    for name in subject.structs:
        show_struct(graph, name)
    variable = graph.find(subject.variable, "var")
    assert isinstance(variable, views.Var)
    print(f"The variable {variable.name} is declared: {declare(variable.type, variable.name)};")


if __name__ == "__main__":
    main()
