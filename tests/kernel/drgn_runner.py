"""Run drgn's tests of the Linux kernel and say what each came to, a line of JSON each.

In:  the folder of drgn's source distribution, as the current one; a word that names have.
Out: "drgn-test: [name, pass|fail|skip, seconds, words]".
"""

import json
import sys
import time
import unittest
from collections.abc import Iterator
from typing import Any

# What starts Python leaves its folder out.
sys.path.insert(0, ".")


class Lines(unittest.TestResult):
    """Prints each test's outcome when it has ended."""

    def startTest(self, test: unittest.TestCase) -> None:
        """Begin to count time."""
        super().startTest(test)
        self.outcome, self.words, self.start = "pass", "", time.monotonic()

    def stopTest(self, test: unittest.TestCase) -> None:
        """Print."""
        super().stopTest(test)
        self._print(test.id())

    def _print(self, name: str) -> None:
        seconds = round(time.monotonic() - self.start, 2)
        print("\ndrgn-test: " + json.dumps([name, self.outcome, seconds, self.words]), flush=True)

    def _fail(self, test: unittest.TestCase, error: Any) -> None:
        self.outcome = "fail"
        self.words = self._exc_info_to_string(error, test)  # type: ignore[attr-defined]
        if not isinstance(test, unittest.TestCase):
            # What a class or a module sets up.
            self.start = time.monotonic()
            self._print(str(test))

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        """Note an error."""
        self._fail(test, err)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        """Note a failure."""
        self._fail(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        """Note a failure of a part."""
        if err is not None:
            self._fail(test, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        """Note that it was left out."""
        self.outcome, self.words = "skip", reason
        if not isinstance(test, unittest.TestCase):
            self.start = time.monotonic()
            self._print(str(test))


def each(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    """Yield the tests of a suite."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from each(test)
        else:
            yield test


if __name__ == "__main__":
    found = unittest.defaultTestLoader.discover("tests/linux_kernel", top_level_dir=".")
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = unittest.TestSuite(test for test in each(found) if word in test.id())
    chosen.run(Lines())
