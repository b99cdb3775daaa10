"""tools/build_kernel.py: what tells builds apart, and what is found. Nothing is built."""

import os

import pytest

import build_kernel
import kernel_recipe
from kernel_recipe import BuildError, Recipe, variants


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """Start with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_recipe_is_its_options_and_patches(tmp_path):
    """The order of options doesn't count, the text of patches does."""
    plain = Recipe("6.12")
    options = {"CONFIG_A": "y", "CONFIG_B": "m"}
    assert Recipe("6.12", None, options) != plain
    other = Recipe("6.12", None, dict(reversed(options.items())))
    assert other.digest() == Recipe("6.12", None, options).digest() != plain.digest()
    (tmp_path / "0001-a.patch").write_text("one")
    patched = Recipe("6.12", tmp_path)
    first = patched.digest()
    assert first != plain.digest()
    (tmp_path / "0001-a.patch").write_text("two")
    assert patched.digest() not in (first, plain.digest())


def test_patches_apply_by_name(tmp_path):
    """A folder without any is a slip."""
    with pytest.raises(BuildError, match=r"holds no \*\.patch"):
        Recipe("6.1", tmp_path).patch_files()
    for name in ("0002-b.patch", "0001-a.patch", "notes.txt"):
        (tmp_path / name).touch()
    names = [path.name for path in Recipe("6.1", tmp_path).patch_files()]
    assert names == ["0001-a.patch", "0002-b.patch"]


def test_options_of_the_recipe_come_last():
    """The small configuration has BTF and modules; the recipe may turn it off."""
    small = Recipe("6.1").options()
    assert small["CONFIG_DEBUG_INFO_BTF"] == small["CONFIG_DEBUG_INFO_BTF_MODULES"] == "y"
    assert Recipe("6.1", None, {"CONFIG_SMP": "n"}).options() == small | {"CONFIG_SMP": "n"}


def test_only_complete_builds_are_found():
    """The newest, of whatever source; not one of another version or recipe."""
    recipe = Recipe("6.12")
    assert kernel_recipe.find_build(recipe) is None
    for age, name in ((300, "6.12.1-1"), (100, "6.12.7-1"), (200, "6.12.10-1"), (0, "6.1.9-1")):
        folder = kernel_recipe.builds() / f"{name}-{recipe.digest()}"
        folder.mkdir(parents=True)
        if age:
            (folder / "build.json").touch()
            os.utime(folder / "build.json", (1e9 - age, 1e9 - age))
    (kernel_recipe.builds() / f"6.12.99-1-{recipe.digest()}").mkdir()
    found = kernel_recipe.find_build(recipe)
    assert found is not None
    assert found.name == f"6.12.7-1-{recipe.digest()}"
    assert kernel_recipe.find_build(Recipe("6.1")) is None
    assert kernel_recipe.find_build(Recipe("6.12", None, {"CONFIG_A": "y"})) is None


def test_another_source_in_the_tree_is_refused(tmp_path, monkeypatch):
    """A kept tree serves one version with one set of patches."""
    monkeypatch.setattr(build_kernel.fetch, "peers", lambda: None)
    monkeypatch.setattr(build_kernel.fetch, "peer_command", lambda name: [name])
    (tmp_path / "source.json").write_text('["linux-source-6.12_1_all.deb", []]')
    builder = build_kernel.Builder(
        Recipe("6.12"), tmp_path, tmp_path / "log", 1, tmp_path / "dwarfless-pahole"
    )
    builder.unpack(tmp_path / "linux-source-6.12_1_all.deb")
    with pytest.raises(BuildError, match="another version, or patched otherwise"):
        builder.unpack(tmp_path / "linux-source-6.12_2_all.deb")
    assert (tmp_path / "pahole").read_text().endswith('exec pahole "$@"\n')


def test_variants_differ_in_options_alone():
    """Three builds of one version and one set of patches."""
    made = variants("7.2")
    assert [recipe.config["CONFIG_VMLINUX_BTF_EXTRA"] for recipe in made.values()] == list(made)
    assert [recipe.config["CONFIG_MODULE_BTF_EXTRA"] for recipe in made.values()] == list("nny")
    assert len({recipe.digest() for recipe in made.values()}) == 3
    assert len({tuple(recipe.patch_files()) for recipe in made.values()}) == 1


def test_what_is_there_is_not_built(tmp_path, monkeypatch):
    """Nothing is unpacked or installed when all builds are in the cache; else the rest is made."""
    deb = tmp_path / "linux-source-6.1_6.1.5-1_all.deb"
    monkeypatch.setattr(build_kernel, "source_package", lambda recipe: deb)
    monkeypatch.setattr(build_kernel, "install_needed", lambda: None)
    built = []

    class Recorder:
        def __init__(self, recipe, *rest):
            self.recipe = recipe

        def build(self, deb, folder):
            built.append(self.recipe)
            folder.mkdir()
            (folder / "build.json").touch()

    monkeypatch.setattr(build_kernel, "Builder", Recorder)
    recipes = list(variants("6.1").values())
    one = build_kernel.build(recipes[1:2], pahole=tmp_path)
    assert built == recipes[1:2]
    folders = build_kernel.build(recipes, pahole=tmp_path)
    assert built == [recipes[1], recipes[0], recipes[2]]
    assert folders[1:2] == one == [kernel_recipe.find_build(recipes[1])]
    monkeypatch.setattr(build_kernel, "install_needed", pytest.fail)
    assert build_kernel.build(recipes, pahole=tmp_path) == folders


def test_variants_have_patches_of_their_own(capsys):
    """What else is asked for would be lost."""
    with pytest.raises(SystemExit) as ended:
        build_kernel.main(["6.1", "--variants", "--config", "SMP=n"])
    assert ended.value.code == 2
    assert "--variants says which patches" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["SMP=y", "CONFIG_SMP=y"])
def test_options_may_be_short(text):
    """As in Kconfig files, or as in .config."""
    assert build_kernel.option(text) == ("CONFIG_SMP", "y")


def test_a_failing_step_names_its_log(tmp_path, monkeypatch):
    """What the step said is in there; arguments are quoted."""
    monkeypatch.setattr(build_kernel.fetch, "peers", lambda: None)
    monkeypatch.setattr(build_kernel.fetch, "peer_command", lambda name: [name])
    log = tmp_path / "log"
    builder = build_kernel.Builder(Recipe("6.1"), tmp_path, log, 1, tmp_path)
    builder.run("echo {} | grep --quiet spaces", "two; spaces")
    with pytest.raises(BuildError, match=f"ls failed, see {log}"):
        builder.run("ls {}", tmp_path / "no such file")
    assert "no such file" in log.read_text()
