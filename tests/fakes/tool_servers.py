"""Servers that ask tools for a login: over HTTP on this machine, with TLS where that is wanted."""

import os
import shutil
import ssl
import subprocess
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

Answer = Callable[[BaseHTTPRequestHandler], None]

GIT: Final = shutil.which("git") or ""
_MOST: Final = 1_048_576


@dataclass
class ToolServer:
    """One server; it notes what every request showed."""

    port: int
    shown: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[ToolServer]:
    """Serve every request with ``answer``."""

    class Handler(BaseHTTPRequestHandler):
        """Hands every request on."""

        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            """Answer one request, and close: that is enough for a test."""
            self.close_connection = True
            server.shown.append(self.headers.get("Authorization", ""))
            answer(self)

        do_GET = do_POST = do_HEAD = do_LIST = handle_any

        def log_message(self, *args: object) -> None:
            """Stay silent."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    if tls is not None:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    server = ToolServer(listening.server_address[1])
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def reply(request: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    """Send an answer."""
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(body)))
    request.send_header("Connection", "close")
    request.end_headers()
    request.wfile.write(body)


def basic(request: BaseHTTPRequestHandler) -> tuple[str, str]:
    """Read a name and a password; empty without."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    name, _, password = (
        b64decode(text).decode().partition(":") if scheme == "Basic" else ("", "", "")
    )
    return name, password


def git_repository(folder: Path) -> Path:
    """Make a bare repository with one commit, that may be pushed to."""
    work, bare = folder / "work", folder / "repositories" / "a.git"
    run_git(folder, "init", "-q", "-b", "main", str(work))
    (work / "README").write_text("hello\n")
    run_git(work, "add", "README")
    run_git(work, "commit", "-q", "-m", "one")
    run_git(folder, "clone", "-q", "--bare", str(work), str(bare))
    run_git(bare, "config", "http.receivepack", "true")
    return bare


def run_git(
    folder: Path, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run git as somebody without a configuration, a terminal, or helpers of her own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    told = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        **{f"GIT_{who}_NAME": "a" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "a@b.example" for who in ("AUTHOR", "COMMITTER")},
    }
    return subprocess.run(  # noqa: S603 - the machine's own git
        [GIT, *arguments],
        cwd=folder,
        env={**own, **told, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def git_answer(root: Path, password: str) -> Answer:
    """Serve repositories with git's own http-backend to whoever shows the password."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        if basic(request)[1] != password:
            reply(request, 401, WWW_Authenticate='Basic realm="git"')
            return
        status, headers, body = _backend(request, root)
        reply(request, status, body, **headers)

    return answer


def _backend(request: BaseHTTPRequestHandler, root: Path) -> tuple[int, dict[str, str], bytes]:
    url = urlsplit(request.path)
    sent = request.rfile.read(min(int(request.headers.get("Content-Length") or 0), _MOST))
    done = subprocess.run(  # noqa: S603 - the machine's own git
        [GIT, "http-backend"],
        input=sent,
        env={
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_PROJECT_ROOT": str(root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "tests",
            "REQUEST_METHOD": request.command,
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(sent)),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        },
        capture_output=True,
        check=False,
        timeout=60,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    pairs = [line.partition(": ") for line in head.decode().split("\r\n")]
    headers = {name: value for name, _, value in pairs}
    return int(headers.pop("Status", "200").split()[0]), headers, body
