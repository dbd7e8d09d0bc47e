"""moto's server: signatures, session tokens and trust policies; no conditions."""

import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from broker.secret import Secret
from tests.real.aws_peer import Keys, Peer, document
from tests.real.peer_process import PeerProcess, free_port, listens

_ACCOUNT: Final = "123456789012"
_ADMINISTRATOR: Final = "administrator"
_RUN: Final = "from moto.server import main; main()"
_BEFORE: Final = Keys("testing", Secret("testing"))
"""Anybody may do anything until the administrator is there."""


@contextmanager
def running(packages: Path, home: Path) -> Iterator[Peer]:
    """Run the server that is installed in a folder."""
    port = free_port()
    argv = [sys.executable, "-c", _RUN, "-H", "127.0.0.1", "-p", str(port)]
    paths = os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")])
    server = PeerProcess(argv, home / "moto.log", {"PYTHONPATH": paths})
    try:
        server.when(partial(listens, port))
        yield _furnished(f"http://127.0.0.1:{port}", server.pid)
    finally:
        server.stop()


def _furnished(url: str, pid: int) -> Peer:
    """Make an administrator, and have every call checked from now on."""
    arn = f"arn:aws:iam::{_ACCOUNT}:user/{_ADMINISTRATOR}"
    peer = Peer("moto", url, url, url, _ACCOUNT, _BEFORE, arn, (pid,))
    iam = peer.client("iam")
    iam.create_user(UserName=_ADMINISTRATOR)
    everything = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
    iam.put_user_policy(UserName=_ADMINISTRATOR, PolicyName="everything", PolicyDocument=everything)
    made = iam.create_access_key(UserName=_ADMINISTRATOR)["AccessKey"]
    request = urllib.request.Request(  # noqa: S310 - ours, on the loopback interface
        f"{url}/moto-api/reset-auth",
        data=b"0",
        headers={"Content-Type": "text/plain"},
    )
    urllib.request.urlopen(request).close()  # noqa: S310 - the same
    return replace(peer, admin=Keys(made["AccessKeyId"], Secret(made["SecretAccessKey"])))
