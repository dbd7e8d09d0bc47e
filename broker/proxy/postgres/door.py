"""The port of one declared database, and the sessions that came in by it."""

from collections.abc import Mapping
from typing import Final

from broker.proxy.database_route import DatabaseRoute
from broker.proxy.desk import Desk
from broker.proxy.listening import LOOPBACK, Listener
from broker.proxy.postgres.admission import USER, Gate
from broker.proxy.postgres.cancelling import Opened
from broker.proxy.postgres.refusal import error_message
from broker.proxy.postgres.session import Session
from broker.proxy.problem import RefusedError
from broker.secret import Secret

_FULL: Final = error_message(
    RefusedError(503, "too-many", "the run has too many connections to this database")
)


class Door:
    """One database, as the child sees it."""

    def __init__(self, desk: Desk, route: DatabaseRoute, stand_in: str) -> None:
        """Nothing listens yet.

        Args:
            desk: the run's.
            route: which server and database.
            stand_in: the password by which the child logs in.
        """
        self._route = route
        self._stand_in = stand_in
        opened = Opened()
        gate = Gate.of(stand_in, route.database)
        self.listener = Listener(
            desk.limits, lambda child: Session(desk, route, gate, opened, child), _FULL
        )

    def login(self) -> Mapping[str, Secret]:
        """Return what the child logs in with.

        Raises:
            RuntimeError: the port is not open.
        """
        words = {
            "host": LOOPBACK,
            "port": str(self.listener.port),
            "database": self._route.database,
            "username": USER,
            "password": self._stand_in,
            "sslmode": "disable",  # it is this machine; the password itself is never sent
        }
        return {name: Secret(word) for name, word in words.items()}
