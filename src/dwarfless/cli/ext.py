"""`dwarfless ext`: what .BTF.ext says."""

import json
from pathlib import Path

import click

from dwarfless.cli.inputs import SCHEMA

__all__ = ["ext"]


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ext(file: Path, as_json: bool) -> None:
    """Print the functions, lines and CO-RE relocations of a BPF object, FILE."""
    from dwarfless.containers.bpf_object import load_object

    graph, records = load_object(file)
    if as_json:
        parts = {
            "functions": [
                r._asdict() | {"name": graph[r.type_id].name} for r in records.functions
            ],
            "lines": [r._asdict() for r in records.lines],
            "relocations": [
                r._asdict() | {"kind": r.kind.name.lower(), "name": graph[r.type_id].name}
                for r in records.relocations
            ],
        }
        click.echo(json.dumps({"schema": SCHEMA, "file": str(file), **parts}))
        return
    for function in records.functions:
        name = graph[function.type_id].name
        click.echo(f"function {function.section}+{function.offset:#x} {name}")
    for line in records.lines:
        place = f"{line.file}:{line.line}:{line.column}"
        click.echo(f"line {line.section}+{line.offset:#x} {place} {line.text.strip()}")
    for relocation in records.relocations:
        target = graph[relocation.type_id]
        click.echo(
            f"relocation {relocation.section}+{relocation.offset:#x}"
            f" {relocation.kind.name.lower()} {target.kind_name.lower()}"
            f" {target.name or '(anon)'} {relocation.access}"
        )
