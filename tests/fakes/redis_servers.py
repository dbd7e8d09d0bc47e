"""Real servers and fakeredis, for tests. Nothing here outlives the process that started it."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import fakeredis
import redis

from broker.dev.embedded import EmbeddedServer, server_binary
from broker.dev.guarded_server import GuardedServer
from broker.settings.store import StoreSettings
from broker.store.link import Reply, Script, Value
from broker.store.servers import client_options
from tests.fakes.stopping import freeze

PATIENT_MS: Final = 20_000
"""How long a call may take where a test is not about that: a loaded machine may need seconds."""


class SingleServer:
    """One embedded server that tests may freeze, kill and restart."""

    def __init__(self, directory: Path) -> None:
        self._embedded = EmbeddedServer(directory, extra={"enable-debug-command": "yes"})
        self._asking: redis.Redis | None = None

    @property
    def settings(self) -> StoreSettings:
        """What a broker would be told."""
        return StoreSettings(url=self._embedded.url, deadline_ms=PATIENT_MS)

    @property
    def path(self) -> str:
        """The unix socket."""
        return str(self._embedded.socket)

    @property
    def pid(self) -> int:
        """The process id of the server itself."""
        return self._embedded.pid

    def start(self) -> None:
        """Start it, with the data it had."""
        self._embedded.start()

    def stop(self) -> None:
        """Stop it in good order."""
        self._hang_up()
        self._embedded.stop()

    def kill(self) -> None:
        """Let it die: ``kill -9``."""
        self._hang_up()
        self._embedded.kill()

    def freeze(self) -> None:
        """Let it hold its connections and answer nothing, until :meth:`thaw`."""
        freeze(self.pid)

    def thaw(self) -> None:
        """End :meth:`freeze`."""
        os.kill(self.pid, signal.SIGCONT)

    def ask(self, *command: Value) -> Reply:
        """Run a command past the link under test."""
        if self._asking is None:
            self._asking = redis.Redis(
                unix_socket_path=self.path, decode_responses=True, protocol=2
            )
            self._asking.response_callbacks.clear()
        return self._asking.execute_command(*command)

    def _hang_up(self) -> None:
        """End the connection of :meth:`ask`, which is kept from one question to the next."""
        if self._asking is not None:
            self._asking.close()
            self._asking = None

    def back_up(self) -> dict[bytes, bytes]:
        """Copy everything, in one moment."""
        with redis.Redis(unix_socket_path=self.path, protocol=2) as client:
            names = client.keys("*")
            moment = client.pipeline(transaction=True)
            for name in names:
                moment.dump(name)
            return {n: v for n, v in zip(names, moment.execute(), strict=True) if v is not None}

    def restore(self, backup: dict[bytes, bytes]) -> None:
        """Put what was copied in the place of what is there, in one moment."""
        with redis.Redis(unix_socket_path=self.path, protocol=2) as client:
            moment = client.pipeline(transaction=True)
            moment.flushall()
            for name, value in backup.items():
                moment.restore(name, 0, value)
            moment.execute()

    def make_fresh(self) -> None:
        """Undo what a test did: running, empty, without scripts, with its first configuration."""
        if self._embedded.is_running:
            self.thaw()
        else:
            self.start()
        for command in ("FLUSHALL", "SCRIPT FLUSH", "CONFIG RESETSTAT"):
            self.ask(*command.split())


class Cluster:
    """Three primaries without replicas on the loopback interface, with all slots covered."""

    def __init__(self, directory: Path) -> None:
        free = _free_ports(6)
        self.ports, buses = free[:3], free[3:]
        self.nodes = [
            GuardedServer(_made(directory / str(port)), _node_command(port, bus), _here(port))
            for port, bus in zip(self.ports, buses, strict=True)
        ]
        self._buses = buses

    @property
    def settings(self) -> StoreSettings:
        """What a broker would be told."""
        url = f"redis://127.0.0.1:{self.ports[0]}"
        return StoreSettings(url=url, cluster=True, deadline_ms=PATIENT_MS)

    def start(self) -> None:
        """Start the three, introduce them to each other, and wait until they agree."""
        with ExitStack() as undo:
            for node in self.nodes:
                undo.callback(node.stop)
                node.start()
            self._introduce()
            self._await_agreement()
            undo.pop_all()

    def spare_port(self) -> int:
        """Find a port for something that stands before a node."""
        return _free_ports(1)[0]

    def stop(self) -> None:
        """Stop the three."""
        for node in self.nodes:
            node.stop()

    def ask(self, port: int, *command: Value) -> Reply:
        """Run a command at one node."""
        with redis.Redis(port=port, decode_responses=True, protocol=2) as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)

    def configure(self, name: str, value: str) -> None:
        """Change a setting of all three."""
        for port in self.ports:
            self.ask(port, "CONFIG", "SET", name, value)

    def node_of(self, key: str) -> GuardedServer:
        """Find the node that serves a key."""
        slot = self.ask(self.ports[0], "CLUSTER", "KEYSLOT", key)
        return self.nodes[self.ports.index(self._owner_of(slot, self.ports[0]))]

    def _owner_of(self, slot: int, by: int) -> int:
        """Return the port of a slot's node, as the node at another port knows it."""
        return next(
            int(where[1])
            for first, last, where, *_ in self.ask(by, "CLUSTER", "SLOTS")
            if first <= slot <= last
        )

    def give_slot(self, slot: int, owner: GuardedServer) -> None:
        """Move an empty slot, tell every node, and wait until all of them know.

        The new owner imports it, which gives its claim a newer epoch: without that, word of the old
        claim that is still on its way would win, and the two would send callers to each other.
        """
        source = self._owner_of(slot, self.ports[0])
        names = {port: self.ask(port, "CLUSTER", "MYID") for port in self.ports}
        target = _port(owner)
        self.ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", names[source])
        self.ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", names[target])
        for port in (target, *self.ports):
            self.ask(port, "CLUSTER", "SETSLOT", slot, "NODE", names[target])
        _wait_until(lambda: {self._owner_of(slot, port) for port in self.ports} == {target})

    def make_fresh(self) -> None:
        """Undo what a test did: the three run, agree, and are empty."""
        for node in self.nodes:
            if node.is_running:
                os.kill(node.pid, signal.SIGCONT)
            else:
                node.start()
        self._await_agreement()
        for port in self.ports:
            self.ask(port, "FLUSHALL")
            self.ask(port, "SCRIPT", "FLUSH")

    def _introduce(self) -> None:
        bounds = (0, 5461, 10923, 16384)
        for index, port in enumerate(self.ports):
            self.ask(port, "CLUSTER", "ADDSLOTSRANGE", bounds[index], bounds[index + 1] - 1)
            self.ask(port, "CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        for port, bus in zip(self.ports[1:], self._buses[1:], strict=True):
            self.ask(self.ports[0], "CLUSTER", "MEET", "127.0.0.1", port, bus)

    def _await_agreement(self) -> None:
        _wait_until(lambda: all(self._is_whole(port) for port in self.ports))

    def _is_whole(self, port: int) -> bool:
        state = str(self.ask(port, "CLUSTER", "INFO")).splitlines()
        slots = self.ask(port, "CLUSTER", "SLOTS")
        return "cluster_state:ok" in state and sum(b - a + 1 for a, b, *_ in slots) == 16384


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the cluster does not agree")
        time.sleep(0.02)


_HEADER_LINE = re.compile(r"\A#!lua[^\n]*\n")


class HeaderlessFakeRedis(fakeredis.FakeAsyncRedis):
    """fakeredis does not know the header of our scripts; this one takes it off."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self._known: dict[str, str] = {}

    async def execute_command(self, *command: Value, **options: object) -> Reply:
        """Take the header off a script's text, and know the script by its former name too."""
        match command:
            case ("EVAL", text, *rest):
                bare = Script("", _HEADER_LINE.sub("", text))
                self._known[Script("", text).sha] = bare.sha
                command = ("EVAL", bare.text, *rest)
            case ("EVALSHA", sha, *rest):
                command = ("EVALSHA", self._known.get(sha, sha), *rest)
        return await super().execute_command(*command, **options)


def fake_client() -> HeaderlessFakeRedis:
    """Make a client to a fakeredis of its own."""
    return HeaderlessFakeRedis(server=fakeredis.FakeServer(), **client_options(PATIENT_MS))


def _node_command(port: int, bus: int) -> Sequence[str]:
    options = f"--port {port} --cluster-port {bus} --bind 127.0.0.1 --cluster-enabled yes"
    options += " --cluster-node-timeout 1000 --cluster-require-full-coverage no --appendonly no"
    options += " --maxmemory-policy noeviction --enable-debug-command yes --save"
    return [str(server_binary()), *options.split(), ""]


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        doors = [held.enter_context(socket.socket()) for _ in range(count)]
        for door in doors:
            door.bind(("127.0.0.1", 0))
        return [door.getsockname()[1] for door in doors]


def _here(port: int) -> tuple[str, int]:
    return ("127.0.0.1", port)


def _port(node: GuardedServer) -> int:
    return int(node.address[1])


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True)
    return directory
