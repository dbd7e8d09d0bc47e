"""A target over a real socket: it keeps names with passwords, lets in, throws out, can misbehave.

One line of JSON is one request, on a connection of its own.
"""

import json
import socket
import threading
import time
from types import TracebackType
from typing import Any, Self

Request = dict[str, Any]


class ToyTarget:
    """Runs in threads of this process, so that it outlives the brokers that a test kills."""

    def __init__(self, identity: str = "toy-1") -> None:
        self.identity = identity
        self.credentials: dict[str, Request] = {}
        self.sessions: dict[str, str] = {}
        self.asked: list[str] = []
        """What was asked, answered or not."""
        self._frozen: tuple[str, ...] | None = None
        self.is_losing = False
        self.slow_ms: dict[str, int] = {}
        """How long it thinks, by kind of request, before it does it and again before it answers."""
        self.losing: set[str] = set()
        """Kinds of requests that are done, and not answered."""
        self._running = threading.Event()
        self._running.set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        """Begin to listen."""
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Listen no more."""
        self._running.set()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        finally:
            self._listener.close()

    @property
    def names(self) -> set[str]:
        """What lives."""
        with self._lock:
            return set(self.credentials)

    def freeze(self, *operations: str) -> None:
        """Take requests of these kinds, or of any, and answer none of them."""
        self._frozen = operations
        self._running.clear()

    def thaw(self) -> None:
        """End :meth:`freeze`; what waited is done now."""
        self._running.set()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rw") as lines:
            try:
                line = lines.readline()
                if not line:
                    return
                request = json.loads(line)
                self.asked.append(request["op"])
                if not self._frozen or request["op"] in self._frozen:
                    self._running.wait()
                think_s = self.slow_ms.get(request["op"], 0) / 1000
                time.sleep(think_s)
                answer = self._answer(request)
                time.sleep(think_s)
                if not self.is_losing and request["op"] not in self.losing:
                    lines.write(json.dumps(answer) + "\n")
                    lines.flush()
            except OSError:
                return  # whoever asked is gone

    def _answer(self, request: Request) -> Request:
        with self._lock:
            return {"identity": self.identity, **getattr(self, f"_{request['op']}")(request)}

    def _who(self, _: Request) -> Request:
        return {}

    def _mint(self, request: Request) -> Request:
        if request["not_after"] < _now_ms():
            return {"error": "late"}
        if request["name"] in self.credentials:
            return {"error": "exists"}
        self.credentials[request["name"]] = request
        return {}

    def _renew(self, request: Request) -> Request:
        held = self.credentials.get(request["name"])
        if request["not_after"] < _now_ms():
            return {"error": "late"}
        if held is None or held["until"] <= _now_ms():
            return {"error": "absent"}
        words = {name: request[name] for name in ("until", "password") if name in request}
        self.credentials[request["name"]] = {**held, **words}
        return {}

    def _kill(self, request: Request) -> Request:
        found = self.credentials.pop(request["name"], None)
        self.sessions = {key: of for key, of in self.sessions.items() if of != request["name"]}
        return {"found": found is not None}

    def _forget(self, request: Request) -> Request:
        self.credentials.pop(request["name"], None)
        return {}

    def _find(self, request: Request) -> Request:
        return {"found": request["name"] in self.credentials}

    def _list(self, request: Request) -> Request:
        names = sorted(name for name in self.credentials if name.startswith(request["prefix"]))
        later = [name for name in names if name > request["after"]][: request["limit"]]
        return {"rows": [(name, self.credentials[name].get("mark", ["", ""])) for name in later]}

    def plant(self, name: str, epoch: str = "", lease: str = "") -> None:
        """Put something there that no broker of a test has made."""
        far = {"name": name, "password": "planted", "until": 10**14, "mark": [epoch, lease]}
        with self._lock:
            self.credentials[name] = far

    def drop(self, name: str) -> None:
        """Take something away that a broker has made."""
        with self._lock:
            del self.credentials[name]

    def _enter(self, request: Request) -> Request:
        held = self.credentials.get(request["name"])
        if held is None or held["password"] != request["password"] or held["until"] <= _now_ms():
            return {"error": "refused"}
        session = f"s{len(self.asked)}"
        self.sessions[session] = request["name"]
        return {"session": session}

    def _use(self, request: Request) -> Request:
        name = self.sessions.get(request["session"], "")
        held = self.credentials.get(name)
        return {"open": bool(name) and (held is None or held["until"] > _now_ms())}


def ask(port: int, request: Request, timeout_s: float) -> Request:
    """Ask a toy target.

    Raises:
        OSError: no answer.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.settimeout(timeout_s)
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("r") as lines:
            line = lines.readline()
    if not line:
        raise ConnectionResetError("no answer")
    answer: Request = json.loads(line)
    return answer


def _now_ms() -> int:
    return time.time_ns() // 1_000_000  # noqa: TID251 - a server has a clock of its own
