"""A host on this computer that serves files as Torch's and Hugging Face's do, broken connections included."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = hashlib.sha1(b"a commit").hexdigest()


class Host(BaseHTTPRequestHandler):
    """Files at /NAME; models of Hugging Face at /OWNER/NAME/resolve/REVISION/FILE, described at /api/models/…"""

    folder: Path  # with files, and OWNER/NAME/ with models
    breaks_after: int | None = None  # bytes
    asked: list[str]
    lies = False  # sends other bytes than those of which it names the hash

    def do_GET(self):
        type(self).asked.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0].strip("/")
        if path.startswith("api/models/"):
            return self.describe(path.removeprefix("api/models/"))
        name = path.replace(f"/resolve/{COMMIT}/", "/").replace("/resolve/main/", "/")
        if not (self.folder / name).is_file():
            return self.send_error(404)
        content = (self.folder / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        content = bytes(len(content)) if self.lies and name.endswith("safetensors") else content
        self.answer(content, ETag=f'"{digest}"', **{"X-Repo-Commit": COMMIT})

    do_HEAD = do_GET

    def describe(self, asked):
        repository, _, tree = asked.split("/revision/")[0].partition("/tree/")
        folder = self.folder / repository
        if not folder.is_dir():
            return self.answer(b"", status=404, **{"X-Error-Code": "RepoNotFound"})
        files = [described(path) for path in sorted(folder.iterdir())]
        about = {"id": repository, "modelId": repository, "sha": COMMIT, "private": False, "disabled": False,
                 "gated": False, "tags": [], "downloads": 0, "likes": 0, "siblings": files}  # fmt: skip
        self.answer(json.dumps(files if tree else about).encode(), **{"Content-Type": "application/json"})

    def answer(self, content, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[: self.breaks_after])

    def log_message(self, *_):
        pass


def described(path):
    """A file as both `api/models/NAME` and its `/tree/` list it."""
    content = path.read_bytes()
    about = {"type": "file", "path": path.name, "rfilename": path.name, "size": len(content), "oid": "0" * 40}
    if path.suffix == ".safetensors":
        digest = hashlib.sha256(content).hexdigest()
        about["lfs"] = {"oid": digest, "sha256": digest, "size": len(content), "pointerSize": 134}
    return about


@contextmanager
def serving(folder, **settings):
    """The host's address, and its class, whose settings and list of requests can be looked at."""
    kind = type("ThisHost", (Host,), {"folder": Path(folder), "asked": [], **settings})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", kind
    finally:
        server.shutdown()
        server.server_close()
