"""PostgreSQL's programs: a service file says where and as whom, a password file with what.

* Both are read at each connection, so the next one is made with what is held then: also where
  another role has followed the first. ``PGHOST`` and the like are for programs that read them
  themselves; they stay as they were at the start.
* The password is for this server, this port and this role alone (libpq, "The Password File").
* ``PGPASSWORD`` of the surroundings would win over the file, and is hidden.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.running.shapes.shape import Fitting, Place, word_of
from broker.running.source import HeldValues
from broker.secret import Secret

_SERVICE: Final = "broker-run"
_HIDDEN: Final = frozenset(
    {"PGPASSWORD", "PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR", "PGSSLMODE", "PGOPTIONS"}
)
_PORT: Final = "5432"


@dataclass(frozen=True, slots=True)
class PgPass:
    """``PGPASSFILE``, ``PGSERVICEFILE``, and the variables of libpq."""

    is_proxied: bool = False

    def fit(self, held: HeldValues, place: Place) -> Fitting:
        """Return where the files are, and what stays."""
        passwords, services = (str(place.folder / name) for name in _names(held))
        where = {
            "PGHOST": word_of(held, "host"),
            "PGPORT": _port(held),
            "PGDATABASE": word_of(held, "database"),
            "PGUSER": word_of(held, "username"),
        }
        files = {"PGPASSFILE": passwords, "PGSERVICEFILE": services, "PGSERVICE": _SERVICE}
        return Fitting({**where, **_sslmode(held, "PGSSLMODE"), **files}, hides=_HIDDEN)

    def files(self, held: HeldValues) -> Mapping[str, Secret]:
        """Return the two."""
        passwords, services = _names(held)
        return {passwords: Secret(_password_line(held)), services: Secret(_service(held))}


def _names(held: HeldValues) -> tuple[str, str]:
    return f"{held.name}.pgpass", f"{held.name}.pg_service.conf"


def _password_line(held: HeldValues) -> str:
    host, user, password = (_escaped(word_of(held, n)) for n in ("host", "username", "password"))
    return f"{host}:{_port(held)}:*:{user}:{password}\n"


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace(":", "\\:")


def _service(held: HeldValues) -> str:
    settings = {
        "host": word_of(held, "host"),
        "port": _port(held),
        "dbname": word_of(held, "database"),
        "user": word_of(held, "username"),
        **_sslmode(held, "sslmode"),
    }
    return f"[{_SERVICE}]\n" + "".join(f"{name}={word}\n" for name, word in settings.items())


def _port(held: HeldValues) -> str:
    return word_of(held, "port") if "port" in held.values else _PORT


def _sslmode(held: HeldValues, name: str) -> dict[str, str]:
    return {name: word_of(held, "sslmode")} if "sslmode" in held.values else {}
