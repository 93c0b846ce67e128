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
    knows_ranges = True
    asked: list[str]
    lies = False  # sends other bytes than those of which it names the hash

    def do_GET(self):
        type(self).asked.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        path = self.path.partition("?")[0].strip("/")
        if path.startswith("api/models/"):
            return self.describe(path.removeprefix("api/models/"))
        name = path.replace(f"/resolve/{COMMIT}/", "/").replace("/resolve/main/", "/")
        if not (self.folder / name).is_file():
            return self.send_error(404)
        content = (self.folder / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        content = bytes(len(content)) if self.lies and name.endswith("safetensors") else content
        begin = 0
        asked_range = self.headers.get("Range")
        if asked_range and self.knows_ranges:
            begin = int(asked_range.removeprefix("bytes=").split("-")[0])
            if begin >= len(content):
                return self.send_error(416)
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.send_header("ETag", f'"{digest}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            end = len(content) if self.breaks_after is None else begin + self.breaks_after
            self.wfile.write(content[begin:end])

    do_HEAD = do_GET

    def describe(self, repository):
        repository = repository.split("/revision/")[0].split("/tree/")[0]
        folder = self.folder / repository
        if not folder.is_dir():
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        answer = json.dumps(
            {"id": repository, "modelId": repository, "sha": COMMIT, "private": False, "disabled": False,
             "gated": False, "tags": [], "downloads": 0, "likes": 0,
             "siblings": [described(path) for path in sorted(folder.iterdir())]}
        ).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(answer)

    def log_message(self, *_):
        pass


def described(path):
    content = path.read_bytes()
    about = {"rfilename": path.name, "size": len(content)}
    if path.suffix == ".safetensors":
        digest = hashlib.sha256(content).hexdigest()
        about["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
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
