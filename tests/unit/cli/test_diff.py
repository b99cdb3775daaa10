"""diff: exit status, text, JSON, a page."""

import json

import pytest
from click.testing import CliRunner

import support
from browser import Browser
from dwarfless.cli.main import cli
from support_containers import KERNEL, compile_c, run


def diff(*args):
    """Run the command in this process."""
    return CliRunner().invoke(cli, ["diff", *map(str, args)])


def test_text(kernels):
    """A line a name, the first difference explained."""
    got = diff(kernels / "a.btf", kernels / "b.btf")
    assert got.exit_code == 1
    assert got.output.splitlines() == [
        f"--- {kernels / 'a.btf'}",
        f"+++ {kernels / 'b.btf'}",
        "structs: 1 and 1; 1 changed",
        "numbers: 3 and 4; 1 added",
        "",
        "! struct task: size: 16 -> 24; member pid: int -> long int (and 1 more)",
        "",
        "+ long int: 8 bytes",
    ]
    assert len(diff(kernels / "a.btf", kernels / "b.btf", "--stat").output.splitlines()) == 4


def test_status(kernels):
    """0 for equal, 1 for different, 2 for trouble, as diff(1)."""
    assert run("diff", kernels / "a.btf", kernels / "a.btf").returncode == 0
    assert run("diff", kernels / "a.btf", kernels / "b.btf").returncode == 1
    for wrong in (kernels / "missing", __file__):
        got = run("diff", kernels / "a.btf", wrong)
        assert got.returncode == 2
        assert got.stderr.startswith("dwarfless: ")
        assert got.stderr.count("\n") == 1
    assert run("diff", kernels / "a.btf").returncode == 2


def test_json(kernels):
    """All that the text says, and ids."""
    said = json.loads(diff(kernels / "a.btf", kernels / "b.btf", "--json").output)
    change, _ = said["changes"]
    assert (said["schema"], change["kind"], change["name"]) == (1, "struct", "task")
    assert (change["breaks"], change["reached"]) == (True, True)
    assert change["differences"][0] == {
        "what": "size", "how": "changed", "a": "16", "b": "24", "breaks": True
    }  # fmt: skip
    assert said["counts"]["struct"] == {"added": 0, "removed": 0, "changed": 1}
    assert said["totals"]["function"] == [2, 2]


def test_bases(kernels):
    """Variables of an extra, each side over its base; DWARF alone is read, too."""
    both = ("--base-a", kernels / "a.btf", "--base-b", kernels / "b.btf")
    extra = kernels / "extra.btf"
    other = kernels / "other.btf"
    run(
        "encode",
        kernels / "b",
        "--features",
        "+global_var",
        "--base",
        kernels / "b.btf",
        "-o",
        other,
    )
    got = diff(extra, other, *both)
    assert (got.exit_code, got.output.count("\n")) == (0, 2)
    got = diff(kernels / "a", kernels / "b")
    assert "struct task" in got.output


def test_exports(kernels, tmp_path):
    """What modules may use comes from a Module.symvers or from symbols."""
    symvers = tmp_path / "Module.symvers"
    symvers.write_text("0x12345678\tschedule\tvmlinux\tEXPORT_SYMBOL\t\n")
    both = (kernels / "a.btf", kernels / "b.btf", "--abi", "--exports")
    got = diff(*both, symvers)
    assert "! struct task" in got.output
    assert "exported by the first: 1 names" in got.output
    symvers.write_text("0x12345678\tother\tvmlinux\tEXPORT_SYMBOL\t\n")
    got = diff(*both, symvers)
    assert got.exit_code == 0
    assert "of which 1 are no function or variable of its BTF" in got.output
    exporting = KERNEL.replace("VERSION", "1") + "int __ksymtab_schedule = 1;\n"
    compile_c(exporting, tmp_path / "elf")
    assert "! struct task" in diff(*both, tmp_path / "elf").output
    symvers.write_text("nothing\n")
    assert diff(*both, symvers).exit_code == 2


@pytest.fixture(scope="module")
def browser():
    """Return a browser."""
    with Browser(support.chromium()) as made:
        yield made


def test_page(kernels, tmp_path, browser):
    """The page finds by name and member, filters, opens, and needs nothing else."""
    page = tmp_path / "diff.html"
    got = diff(kernels / "a.btf", kernels / "b.btf", "--html", page)
    assert (got.exit_code, got.output) == (1, "")
    browser.open(page, ready="document.querySelectorAll('details').length === 2")
    count = "document.getElementById('count').textContent"
    assert browser.run(count) == "2 of 2 changes"
    browser.press("/")
    browser.type("PID long")
    assert browser.run(count) == "1 of 2 changes"
    browser.type("x")
    assert browser.run(count) == "0 of 2 changes"
    browser.press("Escape")
    browser.click("#abi")
    assert browser.run(count) == "1 of 2 changes"
    browser.click("summary")
    browser.wait("document.querySelector('.inside')")
    assert "member pid" in browser.run("document.querySelector('.inside').textContent")
    assert [address for address in browser.requests if not address.startswith("file:")] == []
    assert browser.complaints == []


def test_page_holds_any_name(tmp_path):
    """A name that would end the script, or is no UTF-8, does neither."""
    import dwarfless
    from dwarfless.consumers.diff.page import page
    from dwarfless.graph.diff import diff as diff_graphs

    builder = dwarfless.GraphBuilder()
    empty = builder.freeze()
    builder.add_int("</script><b>\udcff", 4)
    made = page(diff_graphs(empty, builder.freeze()))
    assert made.count(b"</script>") == 2
    made.decode("utf-8")
