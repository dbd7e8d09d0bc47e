"""One connection to PostgreSQL that ends with its deadline, and errors that tell no secret.

psycopg waits as long as the server does. So a timer shuts the socket down at the deadline, and the
thread that waits comes free, whatever the server does.
"""

import os
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from psycopg import sql

from backends.contract import Deadline
from backends.errors import BackendError, Trouble, require_recorded
from backends.postgres_shapes import PostgresOptions

Statement = sql.Composed | sql.SQL

_SAFE_PATH: Final = "-c search_path=pg_catalog"
"""No object that somebody made may stand for one of the server's."""

_IDENTITY: Final = sql.SQL("SELECT system_identifier::text FROM pg_control_system()")


class Session:
    """Use it as a context: what is not committed at the end is rolled back."""

    def __init__(self, options: PostgresOptions, name: str, deadline: Deadline) -> None:
        self._options = options
        self._name = name
        self._deadline = deadline
        self._connection: psycopg.Connection[Any] | None = None
        self._timer: threading.Timer | None = None
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            BackendError: it cannot be had.
        """
        self._deadline.require()
        try:
            self._connection = psycopg.connect(**self._parameters())
        except (psycopg.Error, OSError) as error:
            raise trouble_of(error, self._deadline) from None
        self._socket = socket.socket(fileno=os.dup(self._connection.fileno()))
        self._timer = threading.Timer(self._deadline.left_s, self._cut)
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect; what was not committed has not happened."""
        if self._timer is not None:
            self._timer.cancel()
        if self._connection is not None:
            self._connection.close()
        if self._socket is not None:
            self._socket.close()

    @property
    def connection(self) -> "psycopg.Connection[Any]":
        """The driver's connection."""
        if self._connection is None:
            raise BackendError(Trouble.UNREACHABLE, "not connected")
        return self._connection

    def run(self, statement: Statement, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run a statement; return its rows.

        Raises:
            BackendError: it failed. The driver's own words are not kept: they may quote it.
        """
        self._deadline.require()
        try:
            cursor = self.connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description is not None else []
        except (psycopg.Error, OSError) as error:
            raise trouble_of(error, self._deadline) from None

    def commit(self) -> None:
        """Make it so.

        Raises:
            BackendError: perhaps it is so.
        """
        self._deadline.require()
        try:
            self.connection.commit()
        except (psycopg.Error, OSError) as error:
            raise trouble_of(error, self._deadline) from None

    def identity(self) -> str:
        """Tell this database cluster, and database, from all others."""
        ((number,),) = self.run(_IDENTITY)
        return f"postgres:{number}:{self._options.database}"

    def require_identity(self, recorded: str) -> None:
        """Go on only at the target that was recorded.

        Raises:
            OtherTargetError: this is another one.
        """
        require_recorded(self.identity(), recorded)

    def _parameters(self) -> dict[str, Any]:
        options, left_s = self._options, max(1, int(self._deadline.left_s))
        milliseconds = max(1, int(self._deadline.left_s * 1000))
        given: dict[str, Any] = {
            "host": options.host,
            "port": options.port,
            "dbname": options.database,
            "user": options.admin,
            "sslmode": options.sslmode,
            "application_name": self._name,
            "connect_timeout": left_s,
            "passfile": os.devnull,
            "gssencmode": "disable",
            "options": f"{_SAFE_PATH} -c statement_timeout={milliseconds}",
        }
        if options.sslmode != "disable":
            given["sslrootcert"] = str(options.ca_file) if options.ca_file else "system"
        if options.password_file is not None:
            given["password"] = _first_line(options)
        return given

    def _cut(self) -> None:
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it is closed already


def trouble_of(error: Exception, deadline: Deadline) -> BackendError:
    """Say what happened without the driver's words."""
    state = getattr(error, "sqlstate", None)
    if state is not None and not state.startswith(("08", "57P")):
        return BackendError(Trouble.REFUSED, f"SQLSTATE {state}")
    late = deadline.left_s <= 0
    return BackendError(Trouble.LATE if late else Trouble.UNREACHABLE, type(error).__name__)


def _first_line(options: PostgresOptions) -> str:
    if options.password_file is None:
        return ""
    try:
        lines = options.password_file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        raise BackendError(Trouble.REFUSED, "the admin's password file cannot be read") from None
    return lines[0] if lines else ""
