"""Just enough of an npm registry to install the packages in FOLDER/packages and FOLDER/packed from. Prints its address."""

import base64
import hashlib
import http.server
import json
import pathlib
import sys
import urllib.parse

FOLDER = pathlib.Path(sys.argv[1])


class Registry(http.server.BaseHTTPRequestHandler):
    """Answers for the packages there are."""

    def do_GET(self) -> None:
        path = urllib.parse.unquote(self.path).strip("/")
        if path.startswith("-/"):
            file = FOLDER / "packed" / pathlib.PurePath(path).name
            self.answer(file.read_bytes() if file.is_file() else None, "application/octet-stream")
        else:
            document = self.document(path)
            self.answer(document and json.dumps(document).encode(), "application/json")

    def document(self, name: str) -> dict | None:
        """What npm reads about one package."""
        for file in (FOLDER / "packages").glob("*/package.json"):
            manifest = json.loads(file.read_text())
            if manifest["name"] == name:
                version = manifest["version"]
                tarball = f"{name.replace('@', '').replace('/', '-')}-{version}.tgz"
                digest = hashlib.sha512((FOLDER / "packed" / tarball).read_bytes()).digest()
                integrity = f"sha512-{base64.b64encode(digest).decode()}"
                manifest["dist"] = {"tarball": f"{address(self.server)}/-/{tarball}", "integrity": integrity}
                return {"name": name, "dist-tags": {"latest": version}, "versions": {version: manifest}}
        return None

    def answer(self, body: bytes | None, kind: str) -> None:
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")


def address(server: http.server.HTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
print(address(server), flush=True)
server.serve_forever()
