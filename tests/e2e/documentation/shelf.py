"""An HTTP server that keeps what is put there and hands it out again: in the place of a bucket, a collector or a registry.

    shelf.py PORT FOLDER

What comes by PUT or POST lies in FOLDER under its path, and is the answer to a GET of the same path."""

import http.server
import pathlib
import sys

FOLDER = pathlib.Path(sys.argv[2])


class Shelf(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def place(self):
        return FOLDER / self.path.partition("?")[0].lstrip("/")

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        found = self.place()
        if found.is_file():
            self.answer(200, found.read_bytes())
        else:
            self.answer(404)

    def do_PUT(self):
        place = self.place()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(self.rfile.read(int(self.headers.get("content-length", 0))))
        self.answer(200)

    do_POST = do_PUT

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Shelf).serve_forever()
