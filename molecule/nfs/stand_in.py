#!/usr/bin/env python3
"""Stands for LangFlow on a virtual machine: says that it is ready, keeps and returns files.

    stand_in.py ADDRESS DIRECTORY

- ``GET /health_check``: 200 whatever the directory does, as LangFlow answers
- ``PUT /<name>``: write the body as LangFlow does (open, write, close; no fsync), then 200 with its SHA-256
- ``GET /<name>``: the SHA-256 of the file's content, 404 when there is none
- ``GET /``: the names of all files

What fails is 500 with the error.
"""

import hashlib
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 7860


class Handler(BaseHTTPRequestHandler):
    """One request, in a thread of its own: a hung file hangs nobody else."""

    directory: Path

    def do_GET(self) -> None:
        """Ready, the list, or the digest of a file."""
        if self.path == "/health_check":
            self.answer(HTTPStatus.OK, "ok")
        elif self.path == "/":
            self.tried(lambda: "\n".join(sorted(path.name for path in self.directory.iterdir())))
        else:
            self.tried(lambda: hashlib.sha256(self.file().read_bytes()).hexdigest())

    def do_PUT(self) -> None:
        """Write the body."""
        body = self.rfile.read(int(self.headers["Content-Length"]))

        def write() -> str:
            with self.file().open("wb") as file:
                file.write(body)
            return hashlib.sha256(body).hexdigest()

        self.tried(write)

    def file(self) -> Path:
        """The file that the request names."""
        return self.directory / Path(self.path).name

    def tried(self, work) -> None:  # type: ignore[no-untyped-def]
        """Answer with what the work returns, or with its error."""
        try:
            self.answer(HTTPStatus.OK, work())
        except FileNotFoundError as error:
            self.answer(HTTPStatus.NOT_FOUND, str(error))
        except OSError as error:
            self.answer(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))

    def answer(self, status: HTTPStatus, text: str) -> None:
        """Send a short text."""
        data = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: the journal of the machine is on a slow disk."""


def main() -> None:
    """Serve until the end."""
    address, directory = sys.argv[1:]
    Handler.directory = Path(directory)
    ThreadingHTTPServer((address, PORT), Handler).serve_forever()


if __name__ == "__main__":
    main()
