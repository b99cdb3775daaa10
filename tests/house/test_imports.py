"""What a command imports is most of what a short one costs."""

import subprocess
import sys

import pytest

#: Command -> modules that it must not import before it has something to show.
SLOW = {
    "encode": {"numpy.typing", "rich", "rich_click", "multiprocessing"},
    "find": {"numpy.typing", "rich", "rich_click", "multiprocessing"},
    "show": {"numpy.typing", "rich_click", "multiprocessing"},
}


@pytest.mark.parametrize("command", SLOW)
def test_slow_imports_wait(command: str) -> None:
    """Each takes 0.01 to 0.05 s."""
    code = f"import sys, dwarfless.cli.main, dwarfless.cli.{command}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not SLOW[command] & set(done.stdout.split())
