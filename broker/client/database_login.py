"""Database drivers log in afresh for each connection, with what the credential is then.

Works with psycopg and psycopg2 (:func:`libpq_arguments`), with SQLAlchemy by whatever driver
(:func:`sqlalchemy_login`) and with asyncpg, alone or below SQLAlchemy (:func:`asyncpg_connect`).
Nothing of them is loaded here but asyncpg, when it is to connect.
"""

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any, Final

from broker.client.errors import ClientError
from broker.client.shown import AsyncWords, Words
from broker.secret import Secret

_LIBPQ: Final = {
    "host": "host",
    "port": "port",
    "database": "dbname",
    "username": "user",
    "password": "password",
    "sslmode": "sslmode",
}
"""What the words are called by libpq (PostgreSQL, "Parameter Key Words")."""

_ASYNCPG: Final = {**_LIBPQ, "database": "database", "sslmode": "ssl"}


class NoLoginError(ClientError):
    """What a driver is to log in with has no user name and password."""

    remedy = "Ask for a capability whose credential is a login, of the kind postgres for one."


def libpq_arguments(credential: Words, **besides: Any) -> dict[str, Any]:  # noqa: ANN401 - psycopg's own
    """Return the arguments of one connection: ``psycopg.connect(**libpq_arguments(credential))``.

    Raises:
        NoLoginError: it is no login.
    """
    return _named(credential.secret(), _LIBPQ) | besides


def sqlalchemy_login(credential: Words) -> Callable[..., None]:
    """Return what SQLAlchemy calls before it connects.

    ``event.listen(engine, "do_connect", sqlalchemy_login(credential))``. It sets who logs in;
    where to is the engine's URL. Raises NoLoginError when it is no login.
    """

    def log_in(_dialect: object, _record: object, _args: object, named: dict[str, Any]) -> None:
        found = _named(credential.secret(), _LIBPQ)
        named.update(user=found["user"], password=found["password"])

    return log_in


def asyncpg_connect(credential: AsyncWords) -> Callable[..., Awaitable[Any]]:
    """Return what makes a connection: ``asyncpg.create_pool(connect=asyncpg_connect(credential))``.

    Below SQLAlchemy: ``create_async_engine("postgresql+asyncpg://", async_creator=…)``. What it is
    called with goes before, but for who logs in. Raises NoLoginError when it is no login.
    """

    async def connect(*args: Any, **besides: Any) -> Any:  # noqa: ANN401 - asyncpg's own
        found = _named(await credential.secret(), _ASYNCPG)
        login = {name: found[name] for name in ("user", "password")}
        return await import_module("asyncpg").connect(*args, **{**found, **besides, **login})

    return connect


def _named(words: Mapping[str, Secret], names: Mapping[str, str]) -> dict[str, Any]:
    if "username" not in words or "password" not in words:
        raise NoLoginError(f"it has no username and password, but {', '.join(sorted(words))}")
    found = {theirs: words[ours].reveal() for ours, theirs in names.items() if ours in words}
    return {name: int(text) if name == "port" else text for name, text in found.items()}
