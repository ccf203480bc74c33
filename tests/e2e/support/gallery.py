"""A backend with a page of many pictures, which then uploads some files side by side; its policy is long."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PICTURES = 40
UPLOADS = 8

_PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><!--%b--></svg>' % (b"x" * 20_000)
_PAGE = f"""<!DOCTYPE html>
<title>Gallery</title>
{"".join(f'<img src="http://privateserver:8080/{number}.svg" alt="">' for number in range(PICTURES))}
<script>
addEventListener("load", async () => {{
  const upload = (number) => fetch(`/uploads/${{number}}`, {{method: "POST", body: `${{number}}`.repeat(100000)}});
  const answers = await Promise.all([...Array({UPLOADS}).keys()].map(upload));
  const sizes = await Promise.all(answers.map((answer) => answer.text()));
  document.documentElement.dataset.sizes = sizes.join(" ");
}});
</script>
""".encode()
_POLICY = "default-src 'self' 'unsafe-inline' " + " ".join(f"https://images-{number}.example" for number in range(300))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.endswith(".svg"):
            self._answer("image/svg+xml", _PICTURE)
        else:
            self._answer("text/html", _PAGE, ("Content-Security-Policy", _POLICY))

    def do_POST(self) -> None:
        size = len(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer("text/plain", b"%d" % size)

    def _answer(self, kind: str, body: bytes, *fields: tuple[str, str]) -> None:
        self.send_response(200)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *fields):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def gallery() -> Iterator[int]:
    """Serve it; the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
