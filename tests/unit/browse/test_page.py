"""The page's text: what is in it, and what a server makes of it."""

import base64
import json
import re
import threading
import urllib.error
import urllib.request
import zlib
from pathlib import Path

import numpy as np
import pytest

from build.btf import assemble
from dwarfless.btf.decode import decode
from dwarfless.btf.encode import encode
from dwarfless.cli.main import main
from dwarfless.consumers.browse.page import BrowseInput, render, script
from dwarfless.consumers.browse.server import make_server
from dwarfless.graph.type_graph import GraphBuilder, TypeGraph

INT = ("INT", "int", 4, 1, 0, 32)


def contents(page: bytes) -> list[bytes]:
    """Return the BTF that a page carries."""
    packed = re.findall(rb'class="btf">([^<]*)<', page)
    return [zlib.decompress(base64.b64decode(each)) for each in packed]


def levels() -> tuple[TypeGraph, TypeGraph]:
    """Return a base, and what is split over it."""
    base = decode(assemble([INT]))
    builder = GraphBuilder(base)
    builder.add_var("jiffies", 1)
    return base, builder.freeze()


def test_levels_become_one():
    """Split BTF after its base is whole BTF; the page says where a level starts."""
    base, extra = levels()
    page = render([BrowseInput(extra, "6.1")])
    [content] = contents(page)
    graph = decode(content)
    assert [view.name for view in graph] == ["int", "jiffies"]
    assert np.array_equal(graph.words, np.concatenate([base.words, extra.words]))
    facts = json.loads(re.search(rb'id="facts">(.*?)</script>', page).group(1))
    assert [level["first"] for level in facts["programs"][0]["levels"]] == [1, 2]


def test_same_input_same_page():
    """Nothing in a page comes from anywhere else."""
    assert render([BrowseInput(levels()[1], "a")]) == render([BrowseInput(levels()[1], "a")])


def test_page_needs_no_network():
    """No address of anything is in it, but names of XML."""
    page = render([BrowseInput(levels()[1], "a")]).decode()
    assert set(re.findall(r"https?://[\w./]+", page)) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in page


def test_names_end_no_script():
    """A name from outside is text, not markup."""
    page = render([BrowseInput(levels()[0], "</script><script>alert(1)</script>")])
    assert b"alert(1)</script>" not in page
    assert b"<title>&lt;/script>" in page


def test_script_is_one_module():
    """No import or export is left over, each module is there once."""
    text = script()
    assert re.findall(r"^(?:import|export)\b", text, re.M) == []
    names = re.findall(r"^const \$(\w+) = ", text, re.M)
    assert len(names) == len(set(names))
    folder = Path(__file__).parents[3] / "src/dwarfless/consumers/browse"
    assert {*names, "app"} == {path.stem for path in folder.glob("*.js")} | {"kinds"}


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run `dwarfless browse` in a folder with base.btf, split.btf and other.btf."""
    monkeypatch.chdir(tmp_path)
    base, extra = levels()
    Path("base.btf").write_bytes(encode(base))
    Path("split.btf").write_bytes(encode(extra))
    Path("other.btf").write_bytes(assemble([INT, ("PTR", "", 1)]))

    def run_cli(*args: str) -> tuple[object, str]:
        monkeypatch.setattr("sys.argv", ["dwarfless", "browse", *args])
        with pytest.raises(SystemExit) as caught:
            main()
        return caught.value.code, capsys.readouterr().err

    return run_cli


@pytest.mark.parametrize(
    ("args", "sizes"),
    [
        (["base.btf"], [2]),
        (["base.btf", "split.btf"], [3]),
        (["split.btf", "--base", "base.btf"], [3]),
        (["base.btf", "split.btf", "other.btf"], [3, 3]),
        (["base.btf", "other.btf"], [2, 3]),
    ],
)
def test_files_make_programs(run, args, sizes):
    """What is split goes over what comes before; what is whole starts anew."""
    assert run(*args, "-o", "page.html")[0] == 0
    assert [len(decode(each)) for each in contents(Path("page.html").read_bytes())] == sizes


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["split.btf", "-o", "p"], 1, "split BTF read without its base"),
        (["base.btf", "nowhere.btf", "-o", "p"], 1, "nowhere.btf: No such file"),
        (["base.btf"], 2, "Either --output or --serve"),
        (["base.btf", "-o", "p", "--serve"], 2, "Either --output or --serve"),
        (["base.btf", "other.btf", "base.btf", "-o", "p"], 2, "3 programs"),
    ],
)
def test_wrong_use_is_one_line(run, args, status, said):
    """What can't be done is said, and nothing is written."""
    code, error = run(*args)
    assert code == status
    assert said in error
    assert error.count("\n") == 1
    assert not Path("p").exists()


def test_server_gives_the_page_to_this_machine_only():
    """Other paths, and other names for this machine, get nothing."""
    with make_server(b"<p>", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_port}"
            with urllib.request.urlopen(f"{address}/") as answer:
                assert answer.read() == b"<p>"
                assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            for path, host in (("/etc/passwd", "127.0.0.1:1"), ("/", "evil.example:80")):
                request = urllib.request.Request(address + path, headers={"Host": host})
                with pytest.raises(urllib.error.HTTPError) as caught:
                    urllib.request.urlopen(request)
                assert caught.value.code == 404
                caught.value.close()
            assert server.server_address[0] == "127.0.0.1"
        finally:
            server.shutdown()
            thread.join()
