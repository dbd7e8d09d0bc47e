"""An STS that answers whatever a test tells it to: lies, garbage, nothing. Real ones are peers."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs

ACCOUNT: Final = "123456789012"
Form = dict[str, str]
Answer = Callable[[Form], tuple[int, bytes]]


@dataclass
class StsServer:
    """Gives one answer for each request, the last one again and again."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[Form] = field(default_factory=list)
    signed_by: list[str] = field(default_factory=list)
    freed: threading.Event = field(default_factory=threading.Event)

    def next_answer(self, form: Form, authorization: str) -> tuple[int, bytes]:
        """Note a request; answer it."""
        self.asked.append(form)
        self.signed_by.append(authorization.partition("Credential=")[2].partition("/")[0])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(form)

    def hanging(self, form: Form) -> tuple[int, bytes]:  # noqa: ARG002 - an answer
        """Say nothing until the end of the test."""
        self.freed.wait(60)
        raise ConnectionAbortedError


def session(
    account: str = ACCOUNT, name: str = "", key: str = "ASIAXXXXXXXXXXXXXXXX", lasts_s: int = 0
) -> Answer:
    """Answer as STS does, or almost."""

    def answer(form: Form) -> tuple[int, bytes]:
        operation, role = form["Action"], form["RoleArn"].rpartition("/")[2]
        seconds = lasts_s or int(form["DurationSeconds"])
        end = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251 - a server's own clock
        arn = f"arn:aws:sts::{account}:assumed-role/{role}/{name or form['RoleSessionName']}"
        text = (
            f"<{operation}Response><{operation}Result><Credentials>"
            f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{'s' * 40}</SecretAccessKey>"
            f"<SessionToken>{'t' * 80}</SessionToken><Expiration>{end}</Expiration></Credentials>"
            f"<AssumedRoleUser><Arn>{arn}</Arn><AssumedRoleId>AROA:x</AssumedRoleId>"
            "</AssumedRoleUser><PackedPolicySize>81</PackedPolicySize>"
            f"</{operation}Result></{operation}Response>"
        )
        return 200, text.encode()

    return answer


def saying(status: int, code: str, message: str = "no") -> Answer:
    """Refuse, in STS's own form."""
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    text = f"<ErrorResponse>{error}</ErrorResponse>"
    return lambda _: (status, text.encode())


def garbage(body: bytes) -> Answer:
    """Answer well, and nonsense."""
    return lambda _: (200, body)


def broken(form: Form) -> tuple[int, bytes]:  # noqa: ARG001 - an answer
    """Hang up instead of answering."""
    raise ConnectionAbortedError


@contextmanager
def running(*answers: Answer) -> Iterator[StsServer]:
    """Serve on the loopback interface."""
    server = StsServer(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            try:
                status, answer = server.next_answer(form, self.headers.get("Authorization", ""))
            except ConnectionAbortedError:
                self.connection.close()
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    http.block_on_close = False
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.freed.set()
        http.shutdown()
        http.server_close()


def monotonic_ms() -> int:
    """Return the time by a clock that never goes back."""
    return time.monotonic_ns() // 1_000_000
