"""What `broker run` writes for psql and curl is what these take."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from broker.clock import SystemClock
from broker.running.shapes.catalogue import parse_shape
from broker.running.shapes.shape import Place, Shape
from broker.running.source import HeldValues
from broker.secret import Secret
from tests.fakes.tool_servers import ToolServer, basic, reply, serving
from tests.real.postgres_server import PostgresServer

pytestmark = pytest.mark.real

PSQL, CURL = shutil.which("psql") or "", shutil.which("curl") or ""
PASSWORD = r"a:b\c'd e"
"""What libpq's file has to quote."""


def held(kind: str, **words: str) -> HeldValues:
    """A need's credential."""
    now = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC)
    return HeldValues(
        name="orders",
        capability="orders",
        kind=kind,
        credential_id="l_00_" + "a" * 26,
        expires_at=now + timedelta(minutes=5),
        values={name: Secret(word) for name, word in words.items()},
    )


def run(folder: Path, shape: Shape, credential: HeldValues, script: str) -> str:
    """Run a script of a shell with the variables and the files of a shape; return what it says."""
    for name, text in shape.files(credential).items():
        (folder / name).write_text(text.reveal())
        (folder / name).chmod(0o600)
    fitting = shape.fit(credential, Place(folder, "http://127.0.0.1:1", Secret("t")))
    clean = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
    done = subprocess.run(  # noqa: S603 - our own script
        [shutil.which("sh") or "sh", "-c", script],
        env={**clean, "HOME": str(folder), **fitting.variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.fixture
def role(postgres: PostgresServer) -> Iterator[str]:
    """A login whose password is awkward."""
    quoted = PASSWORD.replace("'", "''")
    postgres.ask(f"CREATE ROLE of_run LOGIN PASSWORD '{quoted}'")
    yield "of_run"
    postgres.ask("DROP ROLE of_run")


@pytest.mark.skipif(not PSQL, reason="psql is not there")
def test_psql_logs_in(postgres: PostgresServer, role: str, tmp_path: Path) -> None:
    """Without a password on its command line or in its environment."""
    words = {"host": "127.0.0.1", "port": str(postgres.port), "database": "orders"}
    words |= {"username": role, "password": PASSWORD, "sslmode": "disable"}

    said = run(
        tmp_path,
        parse_shape("pgpass"),
        held("postgres", **words),
        'test -z "${PGPASSWORD:-}" && psql -w -X -A -t -c "SELECT current_user"',
    )

    assert said == role


@pytest.fixture
def server() -> Iterator[ToolServer]:
    """Says what it was shown."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        shown = basic(request)[1] or request.headers.get("Authorization", "")
        reply(request, 200, shown.encode())

    with serving(answer) as server:
        yield server


@pytest.mark.skipif(not CURL, reason="curl is not there")
@pytest.mark.parametrize(
    ("shape", "option", "shown"),
    [
        ("header", '-H @"$ORDERS_HEADER_FILE"', "Bearer canary-token"),
        ("netrc=127.0.0.1", '--netrc-file "$NETRC"', "canary-token"),
        ("netrc=git.example", '--netrc-file "$NETRC"', ""),
    ],
)
def test_curl_shows_the_token(
    server: ToolServer, tmp_path: Path, shape: str, option: str, shown: str
) -> None:
    """Out of a file; and to another host than the file's, nothing."""
    script = f"curl -sS --noproxy '*' {option} http://{server.place}/"

    said = run(tmp_path, parse_shape(shape), held("jwt", access_token="canary-token"), script)

    assert said == shown
