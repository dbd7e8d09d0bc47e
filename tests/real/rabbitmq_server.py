"""A real RabbitMQ of a test's own, from an unpacked folder: one node, and the epmd that it asks.

Everything listens on the loopback interface and lives in one folder; nothing is installed.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import requests

from tests.real.openbao_server import OpenBaoServer
from tests.real.peer_process import START_S, PeerProcess, free_port, listens

OWNER: Final = "owner"
MOUNT: Final = "rabbitmq"

_ERLANG: Final = "usr/lib/erlang"
_RABBIT: Final = "usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8"
_CONFIGURATION: Final = """
listeners.tcp.1 = 127.0.0.1:{port}
management.tcp.ip = 127.0.0.1
management.tcp.port = {api_port}
default_user = {owner}
default_pass = {password}
"""
# As its own script starts it, which cannot be used: Debian's `erl` has a path of the system in it.
_NODE: Final = (
    *("-boot", "start_sasl", "-noinput", "-s", "rabbit", "boot", "+W", "w", "+sbwt", "none"),
    *("-start_epmd", "false", "-kernel", "prevent_overlapping_partitions", "false"),
    *("-syslog", "logger", "[]", "-syslog", "syslog_error_logger", "false"),
)


class _Erlang:
    """The programs of an unpacked folder."""

    def __init__(self, root: Path) -> None:
        self._root = root / _ERLANG
        (self._programs,) = self._root.glob("erts-*/bin")

    def program(self, name: str) -> str:
        """Return the path of one of its programs."""
        return str(self._programs / name)

    def environment(self, home: Path) -> dict[str, str]:
        """Return what its programs must be told, since they are not where they were built for."""
        return {
            "ROOTDIR": str(self._root),
            "BINDIR": str(self._programs),
            "EMU": "beam",
            "PROGNAME": "erl",
            "HOME": str(home),
            "ERL_AFLAGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }


def lacks(root: Path) -> str:
    """Say what this machine lacks for the programs of an unpacked folder; empty if nothing."""
    erlang = _Erlang(root)
    ended = subprocess.run(  # noqa: S603 - ours
        [erlang.program("erlexec"), "-noinput", "-eval", "ok = crypto:start(), halt(0)."],
        env={**os.environ, **erlang.environment(Path("/nonexistent"))},
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    return "" if ended.returncode == 0 else (ended.stderr + ended.stdout).strip()[-500:]


class RabbitServer:
    """One node with its management API, which a test may kill and start again."""

    def __init__(self, root: Path) -> None:
        self._erlang = _Erlang(root)
        self._rabbit = root / _RABBIT
        self._home = Path(tempfile.mkdtemp(prefix="jit-rabbit-"))
        self.port, self.api_port = free_port(), free_port()
        self._epmd_port, self._node_port = free_port(), free_port()
        self.password = secrets.token_urlsafe(16)
        self._epmd: PeerProcess | None = None
        self._node: PeerProcess | None = None
        self._write()

    @property
    def api(self) -> str:
        """Where its management API is."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def pids(self) -> list[int]:
        """The processes that run."""
        return [each.pid for each in (self._epmd, self._node) if each is not None]

    def _write(self) -> None:
        ports = {"port": self.port, "api_port": self.api_port}
        text = _CONFIGURATION.format(owner=OWNER, password=self.password, **ports)
        (self._home / "rabbitmq.conf").write_text(text)
        (self._home / "plugins").write_text("[rabbitmq_management].")

    def _environment(self) -> dict[str, str]:
        home, plugins = self._home, str(self._rabbit / "plugins")
        return {
            **self._erlang.environment(home),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_LIBS": plugins,
            "SYS_PREFIX": str(home),
            "RABBITMQ_HOME": str(self._rabbit),
            "RABBITMQ_PLUGINS_DIR": plugins,
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "logs"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_NODENAME": "rabbit@localhost",
            "RABBITMQ_DIST_PORT": str(self._node_port),
        }

    def start(self) -> None:
        """Start it, with the users it had, and wait until it answers."""
        environment = self._environment()
        if self._epmd is None:
            # One of its own: a node that finds none starts one that outlives it.
            argv = [self._erlang.program("epmd"), "-address", "127.0.0.1"]
            argv += ["-port", str(self._epmd_port)]
            self._epmd = PeerProcess(argv, self._home / "epmd.log", environment)
            self._epmd.when(lambda: listens(self._epmd_port))
        argv = [self._erlang.program("erlexec"), *_NODE]
        self._node = PeerProcess(argv, self._home / "rabbitmq.log", environment)
        self._node.when(self._works)

    def _works(self) -> bool:
        try:
            return listens(self.port) and self.whoami(OWNER, self.password) == OWNER
        except requests.RequestException:
            return False

    def kill(self) -> None:
        """End it as by power loss."""
        assert self._node is not None
        self._node.kill()
        self._node = None

    def remove(self) -> None:
        """Stop it, and forget its data."""
        for process in (self._node, self._epmd):
            if process is not None:
                process.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def whoami(self, username: str, password: str) -> str | None:
        """Ask the management API who that is; ``None`` where it answers 401."""
        asked = requests.get(f"{self.api}/api/whoami", auth=(username, password), timeout=30)
        if asked.status_code == requests.codes.unauthorized:
            return None
        assert asked.ok, asked.text
        return str(asked.json()["name"])

    def users(self) -> set[str]:
        """Name the users that it knows, besides its owner."""
        return {user["name"] for user in self._says("GET", "users").json()} - {OWNER}

    def change_password(self, password: str) -> None:
        """Give its owner another password."""
        self._says("PUT", f"users/{OWNER}", {"password": password, "tags": "administrator"})
        self.password = password

    def _says(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> requests.Response:
        """Ask as its owner."""
        url, auth = f"{self.api}/api/{path}", (OWNER, self.password)
        answer = requests.request(method, url, json=body, auth=auth, timeout=30)
        assert answer.ok, (path, answer.status_code, answer.text)
        return answer


def furnish(server: OpenBaoServer, rabbit: RabbitServer) -> None:
    """Let an OpenBao make users of it, as the owner of both does."""
    server.says("POST", f"sys/mounts/{MOUNT}", {"type": "rabbitmq"})
    connect(server, rabbit)
    server.says("POST", f"{MOUNT}/config/lease", {"ttl": "5m", "max_ttl": "24h"})
    may = '{"/": {"configure": "^$", "write": "^$", "read": "^orders$"}}'
    server.says("POST", f"{MOUNT}/roles/orders", {"tags": "management", "vhosts": may})


def connect(server: OpenBaoServer, rabbit: RabbitServer) -> None:
    """Tell an OpenBao where it is, and its owner's password."""
    owner = {"username": OWNER, "password": rabbit.password}
    server.says("POST", f"{MOUNT}/config/connection", {"connection_uri": rabbit.api, **owner})
