"""A Stripe that answers at once, out of a file of objects: `python -m benchmarks.canned PORT FILE`."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit


class Canned(BaseHTTPRequestHandler):
    """What it knows by its id, and empty lists."""

    protocol_version = "HTTP/1.1"
    objects: ClassVar[dict[str, Any]] = {}

    def do_GET(self) -> None:
        parts = urlsplit(self.path).path.strip("/").split("/")
        found = next((self.objects[part] for part in reversed(parts) if part in self.objects), None)
        if parts[-1] not in self.objects:
            found = {"object": "list", "data": [], "has_more": False, "url": self.path}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def main() -> None:
    Canned.objects = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Canned).serve_forever()


if __name__ == "__main__":
    main()
