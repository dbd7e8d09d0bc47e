"""Vault as a backend, on a real OpenBao whose database engine works on a real PostgreSQL."""

import contextlib
import itertools
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from msgspec import structs

from backends.contract import Deadline, Place, Surroundings, Wish
from backends.vault import Vault
from backends.vault_options import JwtLogin, Manner, Mount, VaultOptions
from backends.vault_template import Secret, VaultTemplate
from backends.vault_tokens import Locator
from broker.clock import SystemClock
from broker.login_tokens import LoginTokens
from broker.signing.key import SigningKey, new_private_key
from broker.signing.keyring import Keyring
from tests.real.openbao_server import OpenBaoServer, trust_key
from tests.real.postgres_server import PostgresServer

ISSUER: Final = "https://broker.example"
AUDIENCE: Final = "openbao-of-tests"
MOUNTS: Final = (
    Mount(mount="database", engine="database", death=Manner.LEASE),
    Mount(mount="pki", engine="pki", death=Manner.CRL),
    Mount(mount="ssh", engine="ssh", death=Manner.AGE),
    Mount(mount="kv", engine="kv", death=Manner.NEVER),
)
ORDERS: Final = Secret(mount="database", path="creds/orders", policies=("jit-orders",))
DATABASE: Final = VaultTemplate(scopes={"read": ORDERS})

_numbers = itertools.count(1)


class Signing:
    """A broker's key, and the tokens that it signs."""

    def __init__(self) -> None:
        self.key = SigningKey("k1", new_private_key("ES256"))
        line = {"kid": "k1", "state": "active", "alg": "ES256", "jwk": dict(self.key.jwk)}
        self.keyring = Keyring([self.key], [line])
        self.signed = 0

    @property
    def surroundings(self) -> Surroundings:
        """What a backend is given."""
        ids = lambda: secrets.token_hex(8)  # noqa: E731 - short
        tokens = LoginTokens(ISSUER, self, clock=SystemClock(), new_id=ids)

        def sign(*args: Any, **named: Any) -> str:
            self.signed += 1
            return tokens.sign(*args, **named)

        return Surroundings(lambda: "epoch-of-tests", sign)

    def trusted_by(self, server: OpenBaoServer) -> str:
        """Let a server trust the key; return the mount where one logs in."""
        mount = f"jwt-{secrets.token_hex(4)}"
        trust_key(server, self.key, mount=mount, issuer=ISSUER, audience=AUDIENCE)
        return mount


def options(server: OpenBaoServer, mount: str, **changes: Any) -> VaultOptions:
    """Declare a server."""
    declared: dict[str, Any] = {
        "address": server.url,
        "login": JwtLogin(role="jit-broker", mount=mount, audience=AUDIENCE),
        "token_role": "jit",
        "mounts": MOUNTS,
    }
    return VaultOptions(**{**declared, **changes})


def a_wish(template: VaultTemplate = DATABASE, number: int = 0, **changes: Any) -> Wish:
    """Describe a credential; another one each time."""
    said: dict[str, Any] = {
        "lease": f"l_00_{number or next(_numbers) + 1_000_000:026d}",
        "task": "t_00_" + "a" * 26,
        "tenant": "acme",
        "agent": "invoice-bot",
        "capability": "orders-db",
        "on_behalf_of": "",
        "scopes": ("read",),
        "template": template,
    }
    return Wish(**{**said, **changes})


def soon(seconds: float = 30.0) -> Deadline:
    """Give a call so much time."""
    return Deadline(monotonic_ms() + int(seconds * 1000), monotonic_ms)


def monotonic_ms() -> int:
    """Return a clock that never goes back."""
    return time.monotonic_ns() // 1_000_000


def in_seconds(seconds: float) -> int:
    """Return an instant to come."""
    return time.time_ns() // 1_000_000 + int(seconds * 1000)  # noqa: TID251 - a test's own clock


def login(words: Mapping[str, str], port: int) -> "psycopg.Connection[Any]":
    """Log in to the database with what was delivered."""
    return psycopg.connect(
        host="127.0.0.1",
        port=port,
        dbname="orders",
        user=words["username"],
        password=words["password"],
        connect_timeout=10,
        autocommit=True,
    )


def is_let_in(words: Mapping[str, str], port: int) -> bool:
    """Log in and read."""
    try:
        with login(words, port) as connection:
            connection.execute("SELECT * FROM shop.orders")
    except psycopg.Error:
        return False
    return True


@contextmanager
def opened(declared: VaultOptions, surroundings: Surroundings) -> Iterator[Vault]:
    """Open a backend, as one broker does."""
    vault = Vault(declared, surroundings)
    try:
        yield vault
    finally:
        vault.close()


def minted(
    vault: Vault, template: VaultTemplate = DATABASE, ttl_s: float = 300
) -> tuple[Mapping[str, str], Place]:
    """Mint one; return its words, and its place as the ledger would have it."""
    wish = a_wish(template)
    place = vault.locate(wish, soon())
    made = vault.mint(wish, place, in_seconds(ttl_s), soon())
    return made.words, Place(locator=place.locator, identity=place.identity, trail=made.trail)


def without_trail(place: Place) -> Place:
    """Return what the ledger has of what was never activated."""
    return Place(locator=place.locator, identity=place.identity)


def accessor_of(place: Place) -> str:
    """Return the name of its token."""
    return Locator.parse(place.locator).accessor


def one(**changes: Any) -> VaultTemplate:
    """Make a template of one secret."""
    return VaultTemplate(scopes={"read": structs.replace(ORDERS, **changes)})


def from_pki() -> VaultTemplate:
    """Ask for a certificate."""
    body = {"common_name": "${agent}.example.org"}
    return one(mount="pki", path="issue/bots", body=body, policies=("jit-pki",))


def from_ssh() -> VaultTemplate:
    """Ask for a signed key."""
    body = {"valid_principals": "${agent}", "key_type": "ed25519"}
    return one(mount="ssh", path="issue/bots", body=body, policies=("jit-ssh",))


def from_kv(path: str) -> VaultTemplate:
    """Ask for a standing secret."""
    return one(mount="kv", path=path, policies=("jit-kv",), standing=f"kv/{path}")


@dataclass
class Opened:
    """A session at the database."""

    connection: "psycopg.Connection[Any]"

    def is_open(self) -> bool:
        """Ask something."""
        try:
            self.connection.execute("SELECT count(*) FROM shop.orders")
        except psycopg.Error:
            return False
        return True


class VaultLab:
    """The database engine, behind a proxy that can lose answers."""

    def __init__(self, backend: Vault, postgres: PostgresServer, proxy: Any) -> None:
        self.backend = backend
        self._postgres = postgres
        self._proxy = proxy
        self._opened: list[Opened] = []

    def wish(self, number: int) -> Wish:
        """Ask for reading."""
        return a_wish(number=number)

    def is_let_in(self, words: Mapping[str, str]) -> bool:
        """Log in and read."""
        return is_let_in(words, self._postgres.port)

    def enter(self, words: Mapping[str, str]) -> Opened:
        """Log in and stay."""
        opened = Opened(login(words, self._postgres.port))
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        """Close everything."""
        self.backend.close()
        for opened in self._opened:
            opened.connection.close()

    @contextlib.contextmanager
    def losing_replies(self) -> Iterator[None]:
        """Lose what the server answers to whoever reads a secret."""
        with self._proxy.losing_after(b"/database/creds/"):
            yield
