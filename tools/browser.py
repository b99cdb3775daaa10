"""A headless Chromium, told what to do through a pipe.

In:  a page's path or address; keys and clicks.
Out: what scripts in the page return, what it complained about, screenshots.

Chromium speaks its DevTools protocol over two pipes, JSON between NULs, so this needs nothing
but Python.

Source: https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

__all__ = ["Browser", "BrowserError", "find_chromium"]

#: Key -> (code, Windows virtual key code, text), for keys that are no letters.
KEYS: Final = {
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    "Tab": ("Tab", 9, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "ArrowLeft": ("ArrowLeft", 37, ""),
    "ArrowRight": ("ArrowRight", 39, ""),
    "Home": ("Home", 36, ""),
    "End": ("End", 35, ""),
}
FLAGS: Final = (
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
    "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking",
    "--hide-scrollbars", "--force-device-scale-factor=1", "--font-render-hinting=none",
)  # fmt: skip
#: Seconds that anything may take.
PATIENCE: Final = 20


class BrowserError(Exception):
    """Chromium refuses, or does not answer."""


def find_chromium() -> str | None:
    """Return where Chromium is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One page in one Chromium; a context manager that ends it.

    Attributes:
        complaints: What the page wrote to the console as warnings and errors, and exceptions
            that it did not catch.
        requests: Addresses that it asked for, other than its own.
    """

    def __init__(self, program: str | Path, *, width: int = 1280, height: int = 800) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._address = "about:blank"
        self._profile = tempfile.mkdtemp(prefix="dwarfless-browser.")
        to_read, self._out = os.pipe()
        self._in, to_write = os.pipe()
        flags = [*FLAGS, f"--user-data-dir={self._profile}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        # Chromium wants the pipes as descriptors 3 and 4.
        shell = f'exec "$@" 3<&{to_read} 4>&{to_write}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "bash", program, *flags, "about:blank"],
            pass_fds=(to_read, to_write),
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        try:
            self._attach()
            self.resize(width, height)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it, and remove what it kept."""
        with suppress(BrowserError, OSError):
            self._session = None
            self.send("Browser.close")
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._profile, ignore_errors=True)

    def send(self, method: str, **parameters: object) -> Any:
        """Call a method of the protocol and return its result.

        Raises:
            BrowserError: It fails, or there is no answer.
        """
        self._number += 1
        message: dict[str, object] = {
            "id": self._number,
            "method": method,
            "params": parameters,
        }
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                break
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def open(self, address: str | Path, *, ready: str = "true") -> None:
        """Load a page, and wait until an expression in it holds."""
        if isinstance(address, Path):
            address = address.resolve().as_uri()
        self.send("Page.navigate", url="about:blank")
        self.wait("location.href === 'about:blank'")
        self.requests.clear()
        self._address = address.partition("#")[0]
        self.send("Page.navigate", url=address)
        self.wait(f"location.href !== 'about:blank' && document.body && ({ready})")

    def run(self, expression: str) -> Any:
        """Return what an expression of the page's language yields; a promise is waited for.

        Raises:
            BrowserError: It throws.
        """
        answer = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            text = details.get("exception", {}).get("description", details["text"])
            raise BrowserError(f"{expression}: {text}")
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression holds.

        Raises:
            BrowserError: It never does.
        """
        end = time.monotonic() + PATIENCE
        while not self.run(f"Boolean({expression})"):
            if time.monotonic() > end:
                raise BrowserError(f"{PATIENCE} s, and still not: {expression}; {self.complaints}")
            time.sleep(0.02)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other: letters, or names such as "ArrowDown"."""
        for key in keys:
            code, number, text = KEYS.get(key, (f"Key{key.upper()}", ord(key.upper()[0]), key))
            event = {"key": key, "code": code, "windowsVirtualKeyCode": number}
            down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
            self.send("Input.dispatchKeyEvent", **event, **down)
            self.send("Input.dispatchKeyEvent", **event, type="keyUp")

    def type(self, text: str) -> None:
        """Type text where the cursor is."""
        self.send("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click the middle of the first element that a selector finds, after scrolling to it."""
        x, y = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({ block: 'center', behavior: 'instant' });"
            "const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        event = {"x": x, "y": y, "button": "left", "clickCount": 1}
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self.send("Input.dispatchMouseEvent", type="mousePressed", **event)
        self.send("Input.dispatchMouseEvent", type="mouseReleased", **event)

    def resize(self, width: int, height: int, *, scale: float = 1) -> None:
        """Give the page another size, in CSS pixels; one below 600 is a phone's."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )

    def prefer(self, scheme: str) -> None:
        """Make the system's theme "light" or "dark"."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.send("Emulation.setEmulatedMedia", features=[feature])

    def screenshot(self) -> bytes:
        """Return what is seen, as PNG."""
        answer = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=False)
        return base64.b64decode(answer["data"])

    def _attach(self) -> None:
        """Take over the first page, and listen to it."""
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = self.send("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def _receive(self) -> Any:
        """Return the next message, noting what it says about the page."""
        while b"\0" not in self._rest:
            if not select.select([self._in], [], [], PATIENCE)[0]:
                raise BrowserError(f"no answer for {PATIENCE} s")
            got = os.read(self._in, 1 << 20)
            if not got:
                raise BrowserError("Chromium ended")
            self._rest += got
        message, _, self._rest = self._rest.partition(b"\0")
        answer = json.loads(message)
        self._note(answer.get("method", ""), answer.get("params", {}))
        return answer

    def _note(self, event: str, said: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            details = said["exceptionDetails"]
            exception = details.get("exception", {})
            self.complaints.append(exception.get("description", details["text"]))
        elif event == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning"):
            texts = (str(each.get("value", each.get("description"))) for each in said["args"])
            self.complaints.append(" ".join(texts))
        elif event == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.complaints.append(said["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            address = said["request"]["url"]
            if address.partition("#")[0] != self._address and not address.startswith("data:"):
                self.requests.append(address)
