"""Without enough memory an encode ends by an error, wherever that is; never by a signal."""

import subprocess
import sys
from collections import Counter

import pytest

from support import module

#: Encodes in processes of its own, with more memory each time.
PROGRAM = """
import errno, os, resource, sys
from dwarfless.encoder import encode_elf

path, steps, step = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
encode_elf(path, jobs=1)
pages = int(open("/proc/self/statm").read().split()[0])
for number in range(steps):
    child = os.fork()
    if not child:
        limit = pages * resource.getpagesize() + number * step
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            encode_elf(path, jobs=1)
        except MemoryError:
            os._exit(3)
        except OSError as error:
            os._exit(3 if error.errno == errno.ENOMEM else 4)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.kernel
def test_memory_limits():
    """nf_conntrack, from no memory to enough."""
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        str(module("trixie", "nf_conntrack")),
        "40",
        str(1 << 20),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ended = Counter(done.stdout.split())
    assert set(ended) == {"0", "3"}, ended
    assert ended["3"] > 10
