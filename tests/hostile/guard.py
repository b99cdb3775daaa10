"""Ask the worker to encode inputs, and outlive it.

In:  an ELF file, as bytes.
Out: a line, as the worker says it, or "died: ..." or "too slow: ..." in its place.
"""

import os
import select
import subprocess
import sys
from pathlib import Path

__all__ = ["SECONDS", "Guard"]

#: No input may take longer, on a slow machine with others at work.
SECONDS = 20.0
TESTS = Path(__file__).resolve().parent.parent


class Guard:
    """A worker process, started anew whenever it ends."""

    def __init__(self) -> None:
        self.worker: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End the worker."""
        if self.worker:
            self.worker.kill()
            self.worker.communicate()
        self.worker = None

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "hostile.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": str(TESTS), "OPENBLAS_NUM_THREADS": "1"},
        )

    def ask(self, content: bytes) -> str:
        """Return how one input went."""
        if self.worker is None:
            self.worker = self._start()
        worker = self.worker
        assert worker.stdin
        assert worker.stdout
        worker.stdin.write(len(content).to_bytes(8, "little") + content)
        worker.stdin.flush()
        ready, _, _ = select.select([worker.stdout], [], [], SECONDS)
        answer = worker.stdout.readline().decode().rstrip("\n") if ready else ""
        if answer:
            return answer
        self.close()
        if not ready:
            return f"too slow: more than {SECONDS:g} s"
        return f"died: exit status {worker.returncode}"
