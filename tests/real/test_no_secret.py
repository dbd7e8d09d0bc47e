"""The page about an agent that holds no secret, typed word for word before real servers."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Final

import pytest
import requests

from tests.fakes.page_run import require_true_at
from tests.fakes.playground import Up, playground
from tests.fakes.tool_servers import ToolServer, reply, serving
from tests.real.aws_peer import Peer
from tests.real.aws_stage import MINE, Stage
from tests.real.peer_process import free_port
from tests.real.postgres_server import PostgresServer

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("psql") is None, reason="needs psql"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl"),
]
REPORT: Final = r"""#!/bin/sh
cd "$(dirname "$0")"
if [ -f .env ]; then . ./.env; fi
psql -XAtc "SELECT count(*) || ' orders in the database' FROM shop.orders" "$DATABASE_URL"
python files.py
curl -s -o /dev/null -w '%{http_code} from the service\n' \
    -H "Authorization: Bearer $ORDERS_ACCESS_TOKEN" "$ORDERS_URL"
"""
FILES: Final = """import os

import boto3
from botocore.exceptions import ClientError

try:
    found = boto3.client("s3").get_object(Bucket=os.environ["BUCKET"], Key="data")
    print(found["Body"].read().decode(), "in the bucket")
except ClientError as error:
    print(error.response["Error"]["Code"], "from the bucket")
"""


FORGET: Final = "unset $(compgen -e | grep -E '^(AWS_|PG)') PGPASSWORD\n"
"""Nothing of this machine's own may take the place of what the page gives."""


class Old:
    """The keys that lie beside the script, each good at its server."""

    def __init__(self, postgres: PostgresServer, peer: Peer) -> None:
        self.password = secrets.token_urlsafe(18)
        self.token = f"shp_{secrets.token_hex(16)}"
        self._postgres, self._peer = postgres, peer

    def make(self) -> None:
        """Make a login that may read."""
        self._postgres.ask(f"CREATE ROLE reporter LOGIN PASSWORD '{self.password}'")
        grants = "GRANT USAGE ON SCHEMA shop TO reporter; GRANT SELECT ON shop.orders TO reporter"
        self._postgres.ask(grants, database="orders")

    def remove(self) -> None:
        """Take the login away."""
        self._postgres.ask("DROP OWNED BY reporter", database="orders")
        self._postgres.ask("DROP ROLE reporter")

    def write(self, file: Path) -> None:
        """Write them down as people do."""
        at = f"reporter:{self.password}@localhost:{self._postgres.port}"
        admin = self._peer.admin
        file.write_text(
            f"export DATABASE_URL=postgresql://{at}/orders\n"
            f"export AWS_ACCESS_KEY_ID={admin.access_key}\n"
            f"export AWS_SECRET_ACCESS_KEY={admin.secret.reveal()}\n"
            f"export AWS_DEFAULT_REGION=us-east-1\n"
            f"export ORDERS_ACCESS_TOKEN={self.token}\n"
        )


@pytest.fixture
def old(postgres: PostgresServer, radosgw: Peer) -> Iterator[Old]:
    """Old keys that are good until the end of the test."""
    old = Old(postgres, radosgw)
    old.make()
    yield old
    old.remove()


def furnish(folder: Path, old: Old, peer: Peer) -> None:
    """Put down what the page begins with: the script, its keys, and the broker's own ways in."""
    shop, operator = folder / "shop", folder / "operator"
    shop.mkdir()
    operator.mkdir(mode=0o700)
    (shop / "report.sh").write_text(REPORT)
    (shop / "report.sh").chmod(0o755)
    (shop / "files.py").write_text(FILES)
    old.write(shop / ".env")
    (operator / "database").write_text("admin-of-tests\n")
    (operator / "aws").write_text(
        f"[broker]\naws_access_key_id = {peer.admin.access_key}\n"
        f"aws_secret_access_key = {peer.admin.secret.reveal()}\n"
    )


@contextmanager
def service(up: Up, old: Old) -> Iterator[ToolServer]:
    """Serve orders to whoever shows the old key, and else as the playground's server does."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        shown = request.headers.get("Authorization", "")
        reply(request, 200 if shown == f"Bearer {old.token}" else _asked(up, shown))

    with serving(answer) as server:
        yield server


def _asked(up: Up, shown: str) -> int:
    answer = requests.get(f"{up['resource']}/orders", headers={"Authorization": shown}, timeout=60)
    return answer.status_code


def exports(postgres: PostgresServer, peer: Peer, orders: ToolServer) -> str:
    """Say where the three servers are, and which role reads the bucket."""
    stage = Stage(peer)
    said = {
        "DB_PORT": postgres.port,
        "PORT": free_port(),
        "ROLE": stage.arn(stage.role(stage.reads(MINE))),
        "BUCKET": stage.bucket(MINE),
        "AWS_ENDPOINT_URL_S3": peer.s3_url,
        "AWS_ENDPOINT_URL_STS": peer.sts_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "ORDERS_URL": f"http://localhost:{orders.port}/orders",
    }
    return "".join(f"export {name}='{text}'\n" for name, text in said.items())


@pytest.mark.timeout(900)
def test_an_old_script_runs_as_it_is_and_nothing_lies_beside_it(
    old: Old, postgres: PostgresServer, radosgw: Peer, tmp_path: Path
) -> None:
    """Red to clean; used, copied, dead at each server; through the proxy, and as a tool."""
    furnish(tmp_path, old, radosgw)
    assert postgres.roles() == []

    with playground() as up, service(up, old) as orders:
        before = FORGET + exports(postgres, radosgw, orders)
        require_true_at(up, "no-secret.md", tmp_path, before)

    assert postgres.roles() == []
    assert sum(shown.startswith("Bearer ey") for shown in orders.shown) == 5
    assert sum("standin_" in shown for shown in orders.shown) == 1  # past the proxy, for nothing
    assert sorted(file.name for file in (tmp_path / "shop").iterdir()) == ["files.py", "report.sh"]
