#!/usr/bin/env python3
"""Encode a real kernel, make the extra that its own BTF lacks, and ask them questions.

In:  Debian's cloud kernel of trixie, fetched when missing; where it can't be had, a small C
     program compiled on the spot.
Out: build/demo/vmlinux.btf, build/demo/vmlinux-btf-extra, and what was seen, on the terminal.
"""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import dwarfless
import fetch
from dwarfless.containers.load import read_binding
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
    has_btf: bool = False
    structs: tuple[str, ...] = ("list_head", "task_struct")
    variable: str = "init_task"


def kernel() -> Subject | None:
    """Return a real kernel, or None after saying why there is none."""
    try:
        return Subject(fetch.kernel("trixie"), has_btf=True)
    except (fetch.FetchError, OSError) as error:
        print(f"No kernel to be had ({error}): compiling a small C program instead.\n")
        return None


def program() -> Subject:
    """Return a small program compiled with DWARF."""
    source = FOLDER / "program.c"
    source.write_text(PROGRAM)
    subprocess.run(["gcc", "-g", "-o", FOLDER / "program", source], check=True)
    return Subject(FOLDER / "program")


def run(*arguments: str | Path) -> None:
    """Run dwarfless as a user would."""
    words = [str(argument) for argument in arguments]
    print(f"$ dwarfless {shlex.join(words)}", flush=True)
    call = "from dwarfless.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", call, *words], check=False)
    if done.returncode:
        sys.exit(done.returncode)
    print()


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


def show_variable(extra: Path, graph: dwarfless.TypeGraph, name: str) -> None:
    """Print a variable's declaration, and where the kernel was linked to have it."""
    variable = graph.find(name, "var")
    assert isinstance(variable, views.Var)
    print(f"{declare(variable.type, name)};")
    binding = read_binding(extra)
    assert binding is not None
    for section in graph:
        if isinstance(section, views.Datasec):
            for entry in section.entries:
                if entry.type_id == variable.id:
                    address = binding.address(section.name, entry.offset)
                    print(f"    at {address:#x}, {entry.size} bytes of {section.name}")


def main() -> None:
    """Encode, split, then ask."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    subject = kernel() or program()
    whole, extra = FOLDER / "vmlinux.btf", FOLDER / "vmlinux-btf-extra"
    run("encode", subject.path, "-o", whole)
    # A kernel has BTF of its own, to which the extra adds; a program's is what was just made.
    base = subject.path if subject.has_btf else whole
    run("extra", subject.path, *(() if subject.has_btf else ("--base", base)), "-o", extra)
    graph = dwarfless.load(extra, base=dwarfless.load(base))
    print(
        f"From {graph.first_id - 1:,} types that were there and {graph.num_own:,} of the extra:\n"
    )
    for name in subject.structs:
        show_struct(graph, name)
    show_variable(extra, graph, subject.variable)


if __name__ == "__main__":
    main()
