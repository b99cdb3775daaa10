"""The page in a browser: what it shows, and that it can be used without a mouse."""

import json
from pathlib import Path

import numpy as np
import pytest

import support
from browser import Browser
from build.btf import assemble
from dwarfless.btf.decode import decode
from dwarfless.consumers.browse.page import BrowseInput, render
from dwarfless.containers.load import load
from dwarfless.graph.layout import Layouts
from dwarfless.graph.users import UserIndex
from dwarfless.graph.views import Struct, Union

READY = "document.documentElement.dataset.ready"


def go(browser: Browser, page: Path, address: str = "") -> None:
    """Open a page at an address."""
    browser.open(page, ready=READY)
    if address:
        browser.run(f"location.hash = {json.dumps(address)}")
        browser.wait(f"document.title.startsWith({json.dumps(address.split('/')[-1])})")


def texts(browser: Browser, selector: str) -> list[str]:
    """Return the text of all elements that a selector finds."""
    found: list[str] = browser.run(
        f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.textContent)"
    )
    return found


@pytest.mark.kernel
def test_search_finds_what_is_shortened(browser: Browser, kernel: Path):
    """Among 60,000 names, a few letters bring up the one that is meant, at once."""
    go(browser, kernel)
    browser.press("/")
    for typed, wanted in [
        ("task_struct", "task_struct"),
        ("tsk str", "task_struct"),
        ("struct tastr", "task_struct"),
        ("func sched", "schedule"),
        ("Kmem_Cache_alloc_n", "kmem_cache_alloc_noprof"),
    ]:
        browser.run("document.getElementById('search').select()")
        browser.type(typed)
        assert texts(browser, "#found .name")[0] == wanted, typed
    took = browser.run(
        "(() => { const start = performance.now();"
        "for (const text of ['t', 'ta', 'tas', 'task', 'tsk str'])"
        "  dwarfless.catalogue.search(text, 'all', 60);"
        "return performance.now() - start; })()"
    )
    assert took / 5 < 150, "milliseconds a search, on whatever this runs on"


@pytest.mark.kernel
def test_layouts_are_as_python_computes_them(browser: Browser, kernel: Path):
    """Offsets, sizes, holes and padding of all structs and unions of a kernel."""
    go(browser, kernel)
    found = browser.run(
        "(() => { const { btf } = dwarfless.sides[0]; const all = {};"
        "for (let id = 1; id < btf.length; id++) if (btf.isComposite(id)) {"
        "  const l = dwarfless.layoutOf(btf, id);"
        "  all[id] = [l.size, l.union ? [] : [l.holes, l.holeBytes, l.bitHoles, l.bitHoleBits,"
        "    l.padding, l.bitPadding], l.rows.filter((r) => r.what === 'member')"
        "    .map((r) => [r.name, r.bitOffset, r.bitSize])];"
        "} return all; })()"
    )
    graph = load(support.kernel("trixie"))
    layouts = Layouts(graph)
    checked = 0
    for view in graph:
        if not isinstance(view, Struct | Union):
            continue
        layout = layouts[view.id]
        size, gaps, members = found[str(view.id)]
        assert size == layout.size
        assert members == [[m.name, m.start_bit, m.bits or 8 * m.size] for m in layout.members]
        if isinstance(view, Struct):
            bits = [layout.num_holes, layout.sum_holes, layout.num_bit_holes, layout.sum_bit_holes]
            assert gaps == [*bits, layout.padding, layout.bit_padding], view
        checked += 1
    assert checked == len(found) > 10_000


@pytest.mark.kernel
def test_struct_is_drawn_to_scale(browser: Browser, kernel: Path):
    """The list has each member's offset; each block is where the member is, as wide as it is."""
    go(browser, kernel, "struct/list_head")
    assert texts(browser, ".line .offset") == ["0", "8"]
    assert texts(browser, ".line .what code") == [
        "struct list_head *next",
        "struct list_head *prev",
    ]
    go(browser, kernel, "struct/task_struct")
    layout = Layouts(graph := load(support.kernel("trixie")))[graph.find("task_struct").id]
    places = {m.name: (m.offset, m.size) for m in layout.members if m.name and not m.bits}
    drawn = browser.run(
        "[...document.querySelectorAll('.layout .block')].map((b) => { const box = b.getBBox();"
        "const line = b.ownerSVGElement.getBBox().width;"
        "return [b.dataset.key, b.getAttribute('y') / 26, b.getAttribute('x'),"
        "b.getAttribute('width'), b.classList.contains('skipped')]; })"
    )
    first = {}
    for key, row, x, width, _ in drawn:
        first.setdefault(key, (row, float(x.rstrip("%")), float(width.rstrip("%"))))
    for name in ("__state", "stack", "flags", "on_cpu", "prio"):
        offset, size = places[name]
        row, x, width = first[f".{name}"]
        assert (row, x, width) == (offset // 64, offset % 64 / 0.64, size / 0.64), name
    # Beyond the first long array, rows are left out; positions in a line stay.
    offset, size = places["comm"]
    assert first[".comm"][1:] == (offset % 64 / 0.64, size / 0.64)


@pytest.mark.kernel
def test_nested_structs_unfold(browser: Browser, kernel: Path):
    """A click shows what is inside, in the list and in the picture; another hides it."""
    go(browser, kernel, "struct/task_struct")
    browser.click('.line[data-key=".thread_info"] .twist')
    inside = '.line[data-key=".thread_info.flags"]'
    assert texts(browser, f"{inside} .offset") == ["0"]
    assert browser.run("document.querySelectorAll('[data-key=\".thread_info.cpu\"]').length") == 2
    browser.click('.line[data-key=".thread_info"] .twist')
    assert texts(browser, inside) == []


@pytest.mark.kernel
def test_users_are_as_python_computes_them(browser: Browser, kernel: Path):
    """The page finds the same, and two things more, which it names.

    Typedefs of nameless structs are users by themselves, and so are functions that are given a
    callback.
    """
    go(browser, kernel)
    graph = load(support.kernel("trixie"))
    index = UserIndex(graph)
    for name in (
        "list_head",
        "task_struct",
        "sock",
        "page",
        "refcount_struct",
        "pid_type",
        "pgd_t",
    ):
        type_id = graph.find_ids(name)[0]
        users = browser.run(f"dwarfless.usersOf(dwarfless.sides[0], {type_id})")
        more = {
            user["id"]
            for list_name in users
            for user in users[list_name]
            if graph[user["id"]].kind_name == "TYPEDEF"
            or (list_name == "functions" and "callback" in user["members"][0])
        }
        wanted = index.find([type_id])
        for list_name, ids in {
            "embeds": wanted.embeds,
            "points": wanted.points,
            "calls": wanted.callbacks,
            "functions": np.union1d(wanted.takes, wanted.returns),
            "variables": wanted.variables,
        }.items():
            found = {user["id"] for user in users[list_name]}
            assert found - more == set(ids.tolist()) - more, (name, list_name)
            assert set(ids.tolist()) <= found


@pytest.mark.kernel
def test_users_are_listed(browser: Browser, kernel: Path):
    """Each with the members by which it is one, and linked."""
    go(browser, kernel, "struct/rw_semaphore")
    embeds = texts(browser, '[data-list="embeds"] li')
    assert "mm_structmmap_lock" in embeds
    assert "down_readtakes a pointer" in texts(browser, '[data-list="functions"] li')
    browser.click('[data-list="embeds"] li a')
    browser.wait("location.hash !== '#struct/rw_semaphore'")


@pytest.mark.kernel
def test_treemap_is_to_scale(browser: Browser, kernel: Path):
    """A tile's share of the area is its share of the bytes."""
    go(browser, kernel, "sizes/structs")
    browser.wait("document.querySelectorAll('.tile').length > 50")
    tiles = browser.run(
        "[...document.querySelectorAll('.depth0')].map((t) => [parseFloat(t.style.width)"
        " * parseFloat(t.style.height), t.querySelector('.face').title])"
    )
    area = sum(each for each, _ in tiles)
    graph = load(support.kernel("trixie"))
    sizes = {v.name: v.size for v in graph if isinstance(v, Struct | Union) and v.name}
    total = sum(v.size for v in graph if isinstance(v, Struct | Union) and v.name)
    for share, title in tiles:
        name = title.partition(":")[0]
        if name in sizes:
            assert share / area == pytest.approx(sizes[name] / total, rel=0.01), name
    assert len(tiles) == 60


def test_two_programs_are_compared(browser: Browser, two: Path):
    """Same name left and right; what differs is marked."""
    go(browser, two, "struct/task")
    rows = browser.run(
        "[...document.querySelectorAll('.line')].map((l) => [l.dataset.key, l.classList[1]])"
    )
    assert dict(rows)[".pid"] == "changed"
    assert dict(rows)[".flags"] == "removed"
    assert dict(rows)[".comm"] == "added"
    assert dict(rows)[".next"] == "moved"
    assert texts(browser, ".verdict") == ["24 → 32 bytes"]
    assert len(texts(browser, ".pictures svg.lines")) == 2
    go(browser, two, "func/wake")
    assert texts(browser, ".declaration") == [
        "int wake(struct task *task);",
        "long int wake(struct task *task);",
    ]
    go(browser, two, "struct/new")
    assert texts(browser, ".verdict.missing") == ["not in 6.0.0-x"]
    assert texts(browser, "#views a") == ["Overview", "Sizes", "Changes"]


def test_changes_are_listed(browser: Browser, two: Path):
    """What is new, gone and different, each with what is different first."""
    go(browser, two)
    browser.press("c")
    browser.wait("document.querySelector('article.changes')")
    assert texts(browser, ".removed li a") == ["gone"]
    assert texts(browser, ".added li a") == ["new"]
    assert texts(browser, ".changed li") == ["list48 → 64 bytes", "task24 → 32 bytes"]


def test_dark_and_light(browser: Browser, two: Path):
    """The page follows the system, and a switch goes against it."""
    ground = "getComputedStyle(document.body).backgroundColor"
    go(browser, two)
    light = browser.run(ground)
    browser.prefer("dark")
    dark = browser.run(ground)
    assert light != dark
    browser.press("t")
    assert browser.run("document.documentElement.dataset.theme") == "light"
    assert browser.run(ground) == light
    browser.click("#theme")
    browser.prefer("light")
    assert browser.run(ground) == dark
    browser.press("t")
    assert browser.run(ground) == light


def test_everything_goes_by_keyboard(browser: Browser, two: Path):
    """Search, choose, walk, unfold, follow and come back without a mouse."""
    go(browser, two)
    browser.press("/")
    browser.type("li")
    browser.press("ArrowDown", "ArrowUp", "Enter")
    browser.wait("location.hash === '#struct/list'")
    for _ in range(20):
        browser.press("Tab")
        if browser.run("document.activeElement.matches('.line')"):
            break
    focused = "document.activeElement.dataset.key"
    assert browser.run(focused) == ".first"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert browser.run(outline) == "solid"
    browser.press("ArrowDown")
    assert browser.run(focused) == ".rest"
    browser.press("ArrowRight", "ArrowRight")
    assert browser.run(focused) == ".rest.pid"
    browser.press("ArrowLeft", "ArrowLeft")
    assert browser.run(focused) == ".rest"
    assert browser.run("document.activeElement.ariaExpanded") == "false"
    browser.press("End", "Home", "Enter")
    browser.wait("location.hash === '#struct/task'")
    browser.press("?")
    assert browser.run("document.getElementById('keys').open")
    browser.press("Escape", "h")
    browser.wait("location.hash === ''")


def test_search_box_is_a_combobox(browser: Browser, two: Path):
    """What a screen reader is told follows what is seen."""
    go(browser, two)
    state = (
        "(() => { const i = document.getElementById('search');"
        "return [i.ariaExpanded, i.getAttribute('aria-activedescendant'),"
        "document.getElementById('count').textContent]; })()"
    )
    browser.press("/")
    browser.type("task")
    assert browser.run(state) == ["true", "found0", "1 found"]
    browser.press("Escape")
    assert browser.run(state)[:2] == ["false", None]
    browser.press("Escape")
    assert browser.run("document.getElementById('search').value") == ""
    browser.type("nothing_such")
    assert browser.run(state) == ["true", None, "Nothing of that name"]


@pytest.mark.parametrize("address", ["", "struct/task", "changes", "sizes/types"])
def test_a_phone_shows_it(browser: Browser, two: Path, address: str):
    """Nothing is wider than a phone."""
    browser.resize(390, 844)
    browser.open(two, ready=READY)
    browser.run(f"location.hash = '{address}'")
    browser.wait("document.querySelector('article')")
    assert browser.run("document.documentElement.scrollWidth") <= 390


def test_page_asks_for_nothing(browser: Browser, two: Path):
    """One file is all."""
    go(browser, two, "struct/task")
    assert browser.requests == []


def test_hostile_names_and_rings(browser: Browser, tmp_path: Path):
    """Markup in names is text; types that lead back to themselves end."""
    name = "<img src=x onerror=document.title='owned'>"
    types = [
        ("STRUCT", name, 8, 0, ((name, 2, 0, 0), ("", 1, 0, 0), ("ring", 4, 0, 0))),
        ("PTR", "", 3),
        ("CONST", "", 2),
        ("TYPEDEF", "round", 5),
        ("TYPEDEF", "about", 4),  # 5
        ("ARRAY", "", 6, 6, 3),
        ("VAR", "v", 6, 1),
        ("FUNC_PROTO", "", 8, (("f", 8),)),
        ("FUNC", "g", 8, 1),
        ("DATASEC", ".data", 8, ((7, 0, 8),)),
    ]
    page = tmp_path / "hostile.html"
    page.write_bytes(render([BrowseInput(decode(assemble(types)), name)]))
    for address in (
        "",
        "typedef/round",
        "var/v",
        "func/g",
        "section/.data",
        "sizes/types",
        "x/%E0",
    ):
        browser.open(page, ready=READY)
        browser.run(f"location.hash = '{address}'")
        browser.wait("document.querySelector('article, .wait')")
    browser.run(f"location.hash = '#struct/' + encodeURIComponent({json.dumps(name)})")
    browser.wait("document.querySelector('.members')")
    assert texts(browser, "h1") == [f"struct {name}"]
    assert browser.run("document.querySelectorAll('img').length") == 0
