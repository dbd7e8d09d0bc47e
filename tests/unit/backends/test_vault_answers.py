"""A Vault that hangs, lies or answers for somebody else: no secret is told, nothing is believed."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from backends.contract import Deadline, Death, Place, Surroundings, Wish
from backends.errors import BackendError, NotMintedError, Trouble
from backends.vault import Vault
from backends.vault_login import monotonic_ms
from backends.vault_options import JwtLogin, Manner, Mount, VaultOptions
from backends.vault_template import Secret, VaultTemplate
from tests.fakes.clock import FakeClock

TEMPLATE = VaultTemplate(
    scopes={"read": Secret(mount="database", path="creds/orders", policies=("orders",))}
)
TOKEN = "s.the-broker-s-own-token"
AUTH: dict[str, Any] = {
    "client_token": "s.of-the-credential",
    "accessor": "an-accessor",
    "policies": ["orders"],
    "token_type": "service",
    "orphan": True,
    "renewable": True,
    "lease_duration": 60,
}
GOOD: dict[str, Any] = {
    "GET sys/health": {"cluster_id": "one", "sealed": False, "initialized": True},
    "POST auth/jwt/login": {"auth": {"client_token": TOKEN, "lease_duration": 600}},
    "GET auth/token/lookup-self": {"data": {}},
    "POST auth/token/create/jit": {"auth": AUTH},
    "POST auth/token/renew-accessor": {"auth": {"lease_duration": 300}},
    "POST auth/token/lookup-accessor": {"data": {"last_renewal": 1}},
    "POST auth/token/revoke-accessor": {},
    "GET database/creds/orders": {
        "lease_id": "database/creds/orders/one",
        "lease_duration": 3_600,
        "data": {"username": "u", "password": "p"},
    },
    "POST sys/leases/revoke": {},
    "POST sys/leases/lookup": {"data": {"ttl": 0}},
}


class Script(ThreadingHTTPServer):
    """Answers by rote; ``answers`` are documents, or a status with bytes and headers."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: dict[str, Any] = dict(GOOD)
        self.asked: list[str] = []
        self.tokens: list[str] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        super().__init__(("127.0.0.1", 0), Answering)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answering(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Script

    def answer(self) -> None:
        """Answer one request."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = f"{self.command} {self.path.removeprefix('/v1/').partition('?')[0]}"
        self.server.asked.append(asked)
        self.server.tokens.append(self.headers.get("X-Vault-Token") or "")
        self.server.may_answer.wait(60)
        found = self.server.answers.get(asked, (404, b"{}", {}))
        found = found() if callable(found) else found
        status, body, headers = (
            found if isinstance(found, tuple) else (200, json.dumps(found).encode(), {})
        )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_LIST = answer

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def script() -> Iterator[Script]:
    """A server that answers as Vault does, until a test changes that."""
    with Script() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.may_answer.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def vault(script: Script) -> Iterator[Vault]:
    """The backend on it."""
    options = VaultOptions(
        address=script.url,
        login=JwtLogin(role="jit-broker"),
        token_role="jit",
        mounts=(Mount(mount="database", engine="database", death=Manner.LEASE),),
    )

    def sign(*_: object, **__: object) -> str:
        return "a.login.token"

    vault = Vault(options, Surroundings(lambda: "epoch", sign), FakeClock().now_ms)
    yield vault
    vault.close()


def a_wish() -> Wish:
    """Ask for reading."""
    return Wish(
        lease="l_00_" + "a" * 26,
        task="t_00_" + "a" * 26,
        tenant="acme",
        agent="bot",
        capability="orders-db",
        on_behalf_of="",
        scopes=("read",),
        template=TEMPLATE,
    )


def soon(seconds: float = 20.0) -> Deadline:
    """Give a call so much time."""
    return Deadline(monotonic_ms() + int(seconds * 1000), monotonic_ms)


IN_TIME = FakeClock().now_ms() + 300_000
PLACE = Place(
    locator="lease an-accessor database/creds/orders",
    identity="vault:one:",
    trail='{"leases":["database/creds/orders/one"]}',
)


def test_the_script_is_right_where_nothing_is_changed(vault: Vault) -> None:
    """So each test below shows what its one change does."""
    place = vault.locate(a_wish(), soon())
    made = vault.mint(a_wish(), place, IN_TIME, soon())

    assert place.locator == PLACE.locator
    assert made.words == {"username": "u", "password": "p"}


WRONG: dict[str, tuple[Any, Trouble]] = {
    "garbage": ((200, b"<html>", {}), Trouble.GARBLED),
    "no object": ((200, b"[1]", {}), Trouble.GARBLED),
    "too long": ((200, b'{"a":"' + b"x" * 5_000_000 + b'"}', {}), Trouble.GARBLED),
    "no auth": ({"data": {}}, Trouble.GARBLED),
    "sealed": ((503, b'{"errors":["Vault is sealed"]}', {}), Trouble.SEALED),
    "not set up": ((501, b"{}", {}), Trouble.SEALED),
    "standby": ((473, b"{}", {}), Trouble.UNREACHABLE),
    "gateway": ((502, b"<html>", {}), Trouble.UNREACHABLE),
    "inside": ((500, b"{}", {}), Trouble.REFUSED),
    "wrong": ((400, b"{}", {}), Trouble.REFUSED),
}


@pytest.mark.parametrize("name", WRONG)
def test_every_wrong_answer_is_a_trouble_of_its_own(
    vault: Vault, script: Script, name: str
) -> None:
    """Whatever it is, it is no credential."""
    answer, trouble = WRONG[name]
    script.answers["POST auth/token/create/jit"] = answer

    with pytest.raises(BackendError) as caught:
        vault.locate(a_wish(), soon())

    assert caught.value.trouble is trouble


def test_nobody_waits_for_a_vault_that_hangs(vault: Vault, script: Script) -> None:
    """And it is not asked twice."""
    script.may_answer.clear()

    with pytest.raises(BackendError) as caught:
        vault.locate(a_wish(), soon(0.3))

    assert caught.value.trouble is Trouble.LATE
    assert script.asked == ["GET sys/health"]


def test_no_redirect_carries_the_token_away(vault: Vault, script: Script) -> None:
    """Not to another host, nor to the same one."""
    elsewhere = {"Location": f"{script.url}/v1/elsewhere"}
    script.answers["POST auth/token/create/jit"] = (307, b"", elsewhere)

    with pytest.raises(BackendError) as caught:
        vault.locate(a_wish(), soon())

    assert caught.value.trouble is Trouble.UNREACHABLE
    assert not [asked for asked in script.asked if "elsewhere" in asked]


def test_nothing_of_the_environment_is_used(
    vault: Vault, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a proxy, nor somebody else's token."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("VAULT_TOKEN", "s.somebody-else-s")

    vault.locate(a_wish(), soon())

    assert set(script.tokens) == {"", TOKEN}


def test_what_vault_says_in_an_error_is_not_passed_on(vault: Vault, script: Script) -> None:
    """An engine quotes what it was given; only phrases of Vault's own are kept."""
    said = json.dumps({"errors": ["permission denied for s.secret-of-somebody"]}).encode()
    script.answers["GET database/creds/orders"] = (403, said, {})
    place = vault.locate(a_wish(), soon())

    with pytest.raises(NotMintedError) as caught:
        vault.mint(a_wish(), place, IN_TIME, soon())

    assert str(caught.value) == "database/creds/orders: 403, permission denied"
    assert "secret" not in repr(caught.value.__context__)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"policies": ["orders", "default"]}, "adds policies"),
        ({"policies": []}, "does not give"),
        ({"token_type": "batch", "accessor": ""}, "service tokens"),
        ({"orphan": False}, "orphans"),
        ({"renewable": False}, "renewable"),
        ({"lease_duration": 7_200}, "period"),
        ({"lease_duration": 0}, "period"),
    ],
)
def test_a_token_that_is_not_as_it_must_be_reads_nothing(
    vault: Vault, script: Script, change: dict[str, Any], why: str
) -> None:
    """It is revoked at once, where it has a name."""
    script.answers["POST auth/token/create/jit"] = {"auth": AUTH | change}

    with pytest.raises(NotMintedError, match=why):
        vault.locate(a_wish(), soon())

    assert "GET database/creds/orders" not in script.asked
    has_name = "accessor" not in change
    assert ("POST auth/token/revoke-accessor" in script.asked) is has_name


STANDBY = {**GOOD["GET sys/health"], "standby": True}
ABSENT = (403, b'{"errors":["invalid accessor"]}', {})


def test_what_a_standby_does_not_know_is_not_gone(vault: Vault, script: Script) -> None:
    """It may not have heard of it yet: neither killing, looking nor comparing believes it."""
    script.answers |= {"GET sys/health": STANDBY, "POST auth/token/lookup-accessor": ABSENT}
    script.answers["LIST auth/token/accessors"] = {"data": {"keys": []}}
    place = Place(locator="lease an-accessor database/creds/orders", identity="vault:one:")

    for ask in (
        lambda: vault.revoke(place, soon()),
        lambda: vault.look_up(place, soon()),
        lambda: vault.inventory("", soon()),
    ):
        with pytest.raises(BackendError) as caught:
            ask()
        assert caught.value.trouble is Trouble.UNREACHABLE


def test_a_kill_through_a_standby_is_accepted_and_no_more(vault: Vault, script: Script) -> None:
    """It was sent on; that everything is gone the active server says."""
    said = iter([{"data": {"last_renewal": 1}}, ABSENT] * 2)
    script.answers["POST auth/token/lookup-accessor"] = lambda: next(said)
    script.answers["POST sys/leases/lookup"] = (400, b'{"errors":["invalid lease"]}', {})
    trail = '{"leases":["database/creds/orders/one"]}'
    locator = "lease an-accessor database/creds/orders"
    place = Place(locator=locator, identity="vault:one:", trail=trail)

    script.answers["GET sys/health"] = STANDBY
    through_standby = vault.revoke(place, soon())
    script.answers["GET sys/health"] = GOOD["GET sys/health"]

    assert through_standby is Death.ACCEPTED
    assert vault.revoke(place, soon()) is Death.GONE


def test_an_irrevocable_lease_is_said_to_be_abandoned(vault: Vault, script: Script) -> None:
    """Vault has tried, and has given up: somebody there must see to it."""
    script.answers["POST sys/leases/revoke"] = (400, b'{"errors":["failed to revoke"]}', {})
    accepted = vault.revoke(PLACE, soon())
    listed = {"lease_id": "database/creds/orders/one", "error": "out of retries"}
    script.answers["GET sys/leases"] = {"data": {"lease_count": 1, "leases": [listed]}}

    with pytest.raises(BackendError) as caught:
        vault.revoke(PLACE, soon())

    assert accepted.value == "accepted"
    assert caught.value.trouble is Trouble.ABANDONED


def test_a_lease_that_is_still_there_is_not_gone(vault: Vault, script: Script) -> None:
    """Although Vault has answered that it is revoked, and does not know the token any more."""
    script.answers["POST auth/token/lookup-accessor"] = (
        403,
        b'{"errors":["invalid accessor"]}',
        {},
    )

    assert vault.revoke(PLACE, soon()).value == "accepted"

    script.answers["POST sys/leases/lookup"] = (400, b'{"errors":["invalid lease"]}', {})
    assert vault.revoke(PLACE, soon()).value == "absent"


def test_what_cannot_be_renewed_so_far_is_an_error(vault: Vault, script: Script) -> None:
    """The ledger must not count on more than there is."""
    script.answers["POST sys/leases/renew"] = {"lease_duration": 100}

    with pytest.raises(BackendError, match="no longer") as caught:
        vault.renew(a_wish(), PLACE, IN_TIME, soon())

    assert not isinstance(caught.value, NotMintedError)


@pytest.mark.parametrize("trail", ["", "{", '{"leases": 3}', '{"leases":[]}'])
def test_a_trail_that_is_none_renews_nothing(vault: Vault, trail: str) -> None:
    """And is no reason to call anything gone."""
    place = Place(locator=PLACE.locator, identity=PLACE.identity, trail=trail)

    with pytest.raises(BackendError):
        vault.renew(a_wish(), place, IN_TIME, soon())


@pytest.mark.parametrize("locator", ["", "lease", "lease a/b x", "other acc x", "lease  x"])
def test_a_locator_of_another_kind_is_not_guessed_at(vault: Vault, locator: str) -> None:
    """Nothing is asked."""
    place = Place(locator=locator, identity=PLACE.identity)

    with pytest.raises(BackendError, match="not a place"):
        vault.revoke(place, soon())
