"""A page, served to this machine's browsers.

In:  the page.
Out: answers on 127.0.0.1; nothing else on the network can ask.
"""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["make_server", "serve_page"]


def make_server(page: bytes, port: int) -> ThreadingHTTPServer:
    """Return a server that gives a page to whoever asks for "/".

    Args:
        page: HTML.
        port: 0 for any that is free.

    Raises:
        OSError: The port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        """Answers one request."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Give the page."""
            self._answer(body=True)

        def do_HEAD(self) -> None:
            """Give the page's headers."""
            self._answer(body=False)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def _answer(self, *, body: bool) -> None:
            # A page elsewhere could have its own name lead here, and so read what is served.
            host = self.headers.get("Host", "").rpartition(":")[0]
            if self.path != "/" or host not in ("127.0.0.1", "localhost"):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if body:
                self.wfile.write(page)

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def serve_page(page: bytes, port: int, announce: Callable[[str], None]) -> None:
    """Serve a page until interrupted.

    Args:
        page: HTML.
        port: 0 for any that is free.
        announce: Called with the page's address.

    Raises:
        OSError: The port is taken.
    """
    with make_server(page, port) as server:
        announce(f"http://127.0.0.1:{server.server_port}/")
        server.serve_forever()
