"""Run QEMU until it ends, and ask it for a dump of its memory.

In:  a kernel, a root file system, limits.
Out: what came over the three serial lines, each in a file of its own: the console, the script's
     output, its status.

KVM may be absent or hang, so everything is emulated; with these settings every kernel comes up,
while several threads or cmpxchg16b crash 6.12 at random, and -cpu qemu64 hangs. Programs have
cmpxchg16b, without which numpy refuses to run, where the kernel is told to do without (NO_CX16).
"""

import json
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kernel.images import LabError

__all__ = ["LINES", "NO_CX16", "Machine"]

QEMU = "qemu-system-x86_64"
CPU = "Haswell-noTSX,{}cx16,-pcid,-x2apic,-tsc-deadline,-invpcid"
#: X86_FEATURE_CX16 on the kernel's command line. Source: arch/x86/include/asm/cpufeatures.h.
NO_CX16 = "clearcpuid=141"
ACCELERATOR = "tcg,thread=single"
#: Serial lines in the order of the guest's /dev/ttyS*.
LINES = ("console", "output", "status")


class Machine:
    """A virtual machine; leaving its context ends it.

    Args:
        folder: Where its serial lines are written and its control socket lives.
        image: Kernel.
        initramfs: Root file system.
        arguments: Kernel command line.
        memory: In MiB.
        extra: More of QEMU's options.
    """

    def __init__(
        self,
        folder: Path,
        image: Path,
        initramfs: Path,
        arguments: str,
        memory: int,
        extra: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        cpu = CPU.format("+" if NO_CX16 in arguments else "-")
        command = [QEMU, "-accel", ACCELERATOR, "-cpu", cpu, "-m", str(memory), "-nodefaults"]
        command += ["-display", "none", "-no-reboot", "-kernel", str(image)]
        command += ["-initrd", str(initramfs), "-append", arguments]
        command += ["-qmp", f"unix:{folder}/qmp,server=on,wait=off"]
        for line in LINES:
            command += ["-serial", f"file:{folder / line}"]
        with open(folder / "qemu.log", "wb") as log:
            try:
                self.process = subprocess.Popen(
                    [*command, *extra], stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            except FileNotFoundError:
                raise LabError(f"{QEMU} is not installed (apt install qemu-system-x86)") from None

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def line(self, name: str) -> bytes:
        """Return what came over a serial line so far."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return b""

    def wait_for_status(self, timeout: float) -> int:
        """Return the script's exit status.

        Raises:
            LabError: The machine ended without one, or time is up.
        """
        end = time.monotonic() + timeout
        while True:
            ended = self.process.poll() is not None
            status = self.line("status")
            if status.endswith(b"\n"):
                return int(status)
            if ended:
                raise LabError(f"the guest ended before its script did: {self._last_words()}")
            if time.monotonic() > end:
                raise LabError(f"no end after {timeout:.0f} s: {self._last_words()}")
            time.sleep(0.05)

    def wait_for_end(self, timeout: float) -> None:
        """Wait until the guest has switched itself off."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"the guest does not switch off: {self._last_words()}") from None

    def _last_words(self) -> str:
        for name in ("console", "qemu.log"):
            lines = self.line(name).decode(errors="replace").split("\n")
            if spoken := [line.strip() for line in lines if line.strip()]:
                return " | ".join(spoken[-3:])
        return "it said nothing"

    def dump(self, path: Path) -> None:
        """Write the guest's memory as an ELF core file, by physical addresses.

        Raises:
            LabError: QEMU refuses.
        """
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.folder / "qmp"))
            stream = control.makefile("rw")
            json.loads(stream.readline())
            for command, arguments in (
                ("qmp_capabilities", {}),
                ("dump-guest-memory", {"paging": False, "protocol": f"file:{path.resolve()}"}),
                ("quit", {}),
            ):
                print(json.dumps({"execute": command, "arguments": arguments}), file=stream)
                stream.flush()
                answer = _answer(stream)
                if "error" in answer:
                    raise LabError(f"QEMU refuses {command}: {answer['error']['desc']}")


def _answer(stream: Any) -> dict[str, Any]:
    """Return the next answer, past events."""
    while True:
        answer: dict[str, Any] = json.loads(stream.readline())
        if "event" not in answer:
            return answer
