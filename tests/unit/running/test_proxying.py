"""A command behind the proxy is shown a login of a database that is good there alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from broker.client.results import IssuedCredential
from broker.clock import SystemClock
from broker.proxy import parse_routes
from broker.running.keeper import Keeper
from broker.running.need import Need
from broker.running.proxying import Opened, Proxying, ProxyUnfitError
from broker.running.shapes.catalogue import parse_shape
from broker.running.shapes.shape import Place, ShapeUnfitError
from broker.secret import Secret
from tests.fakes.pretend_secrets import drawn

NOW = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC)
PASSWORD = drawn("proxying", 24)
ROUTE = {"need": "db", "scheme": "postgres", "host": "db.test", "database": "orders"}


class Held:
    """Holds one answer of the broker's."""

    def __init__(self, kind: str, reach: object = UNSET, **words: str) -> None:
        self.current = IssuedCredential(
            id="l_00_aaaaaaaaaaaaaaaaaaaaaaaaaa",
            task="t",
            kind=kind,
            capability="db",
            audience="db",
            scope="read",
            expires_in=300,
            issued_at=NOW,
            expires_at=NOW + timedelta(minutes=5),
            max_expires_at=NOW + timedelta(minutes=5),
            generation=1,
            renewable=False,
            target="db",
            secret={name: Secret(word) for name, word in words.items()},
            reach=reach,
        )

    def seconds_left(self) -> float:
        """Tell how long it lives on."""
        return 300.0


def keeper(kind: str, *shapes: str, **words: str) -> Keeper:
    """Keep it for the need that the route is for."""
    need = Need(name="db", capability="db", scopes=("read",), shapes=(*map(parse_shape, shapes),))
    held: Any = Held(kind, **words)

    async def none(_: object) -> Any:
        raise AssertionError

    return Keeper(need, held, none, none)


async def shown(kept: Keeper, folder: Path) -> tuple[dict[str, str], dict[str, str], Opened]:
    """Open the proxy; return variables, files, and what is told of the stand-in."""
    place = Place(folder, "http://127.0.0.1:1", Secret("desk"))
    proxying = Proxying(routes=parse_routes([ROUTE]))
    async with proxying.opened({"db": kept}, place, NOW + timedelta(hours=1)) as opened:
        variables = {n: v for each in kept.fit(place) for n, v in each.variables.items()}
        return variables, {n: text.reveal() for n, text in kept.files().items()}, opened


REAL = {"username": "jit_role", "password": PASSWORD, "host": "db.test", "sslmode": "verify-full"}


async def test_libpq_s_files_and_variables_have_the_proxy_s_login(tmp_path: Path) -> None:
    """The usual shape of a role, and nothing of the role."""
    variables, files, opened = await shown(keeper("postgres", **REAL), tmp_path)

    stand_in = opened.places["db"].where
    port, database = variables["PGPORT"], variables["PGDATABASE"]
    assert (variables["PGHOST"], variables["PGUSER"], database) == ("127.0.0.1", "run", "orders")
    assert variables["PGSSLMODE"] == "disable"
    assert files["db.pgpass"] == f"127.0.0.1:{port}:*:run:{stand_in}\n"
    assert "host=127.0.0.1\n" in files["db.pg_service.conf"]
    told = f"{variables} {files} {opened.places}"
    assert not any(word in told for word in ("jit_role", PASSWORD, "db.test"))


async def test_a_login_of_vault_s_is_shown_like_any_other(tmp_path: Path) -> None:
    """It says neither host nor port; the route does."""
    words = {"username": "v-role", "password": PASSWORD}

    variables, _, _ = await shown(keeper("vault", "env:SHOP_", **words), tmp_path)
    _, files, _ = await shown(keeper("vault", "pgpass", **words), tmp_path / "..")

    assert sorted(variables) == [
        *("SHOP_DATABASE", "SHOP_HOST", "SHOP_PASSWORD", "SHOP_PORT", "SHOP_SSLMODE"),
        "SHOP_USERNAME",
    ]
    assert variables["SHOP_PASSWORD"].startswith("standin_")
    assert ":run:standin_" in files["db.pgpass"]


async def test_an_agent_is_told_how_the_stand_in_is_used(tmp_path: Path) -> None:
    """Where it logs in, and as whom."""
    variables, _, opened = await shown(keeper("postgres", **REAL), tmp_path)

    use = opened.places["db"].use
    assert f"the database orders at 127.0.0.1:{variables['PGPORT']}" in use
    assert "password of run" in use


@pytest.mark.parametrize(
    ("kind", "shape", "words"),
    [
        ("postgres", "header", REAL),
        ("postgres", "netrc=db.test", REAL),
        ("jwt", "env", {"access_token": "x"}),
        ("vault", "env", {"password": "x"}),
    ],
    ids=["header", "netrc", "token", "no-user"],
)
async def test_what_is_no_login_cannot_be_shown_as_one(
    tmp_path: Path, kind: str, shape: str, words: dict[str, str]
) -> None:
    """Nothing is started then; the text names the need."""
    with pytest.raises(ShapeUnfitError, match="db: "):
        await shown(keeper(kind, shape, **words), tmp_path)


LINE = {"host": "api.test", "methods": ["GET"], "paths": ["/**"]}
TO_API = {"need": "db", "id": "r", "host": "api.test", "methods": ["POST"], "paths": ["/x"]}
NEVER = "the route r goes to {at}, and db is not given for that by this lease"
UNREADABLE = "what the broker says of db cannot be read, so nothing may be sent with it: reach"


@pytest.mark.parametrize(
    ("route", "reach", "said"),
    [
        (TO_API | {"host": "b.test"}, [LINE], NEVER.format(at="b.test:443")),
        (TO_API | {"port": 8443}, [LINE], NEVER.format(at="api.test:8443")),
        (TO_API, [], NEVER.format(at="api.test:443")),
        (ROUTE | {"id": "r"}, [LINE | {"host": "db.test"}], NEVER.format(at="db.test:5432")),
        (TO_API, [LINE | {"queries": ["safe"]}], UNREADABLE),
        (TO_API, "all", UNREADABLE),
        (TO_API, None, UNREADABLE),
    ],
    ids=["host", "port", "nothing", "database", "member", "text", "null"],
)
async def test_a_route_that_the_lease_can_never_let_pass_starts_nothing(
    tmp_path: Path, route: dict[str, object], reach: object, said: str
) -> None:
    """The text names the route and the capability."""
    need = Need(name="db", capability="db", scopes=("read",), shapes=())
    held: Any = Held("vault", reach, access_token="x", username="u", password=PASSWORD)
    kept = Keeper(need, held, _never, _never)
    place = Place(tmp_path, "http://127.0.0.1:1", Secret("desk"))

    with pytest.raises(ProxyUnfitError) as caught:
        async with Proxying(routes=parse_routes([route])).opened({"db": kept}, place, NOW):
            pass

    assert said in str(caught.value)


async def _never(asked: object) -> Any:
    raise AssertionError(asked)
