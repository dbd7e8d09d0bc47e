"""What needs hold, made up; and a source that a test moves on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from broker.running.errors import NoCredentialNowError, UnknownNeedError
from broker.running.source import HeldValues
from broker.secret import Secret

EXPIRES: Final = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def held(name: str, kind: str, **values: str) -> HeldValues:
    """Return a credential of any kind."""
    return HeldValues(
        name=name,
        capability=f"{name}-capability",
        kind=kind,
        credential_id="l_03_" + "a" * 26,
        expires_at=EXPIRES,
        values={word: Secret(text) for word, text in values.items()},
    )


ORDERS: Final = held("orders", "jwt", access_token="canary-token")
BUCKET: Final = held(
    "bucket",
    "aws_sts",
    access_key_id="ASIAEXAMPLE",
    secret_access_key="canary-key",
    session_token="canary-session",
    expiration="2030-01-02T03:04:05Z",
    region="eu-central-1",
)
DATABASE: Final = held(
    "database",
    "postgres",
    host="db.example",
    port="5432",
    database="orders",
    username="jit_a",
    password="canary:pass\\word",
    sslmode="verify-full",
)


class Shelf:
    """A source whose contents a test lays out."""

    def __init__(self, *all_held: HeldValues) -> None:
        self.now: dict[str, HeldValues | None] = {each.name: each for each in all_held}

    def renew(self, name: str, **values: str) -> HeldValues:
        """Let a need hold other words, an hour longer."""
        former = self.now[name]
        assert former is not None
        words = {**former.values, **{word: Secret(text) for word, text in values.items()}}
        younger = replace(former, values=words, expires_at=former.expires_at + timedelta(hours=1))
        self.now[name] = younger
        return younger

    async def current(self, need: str) -> HeldValues:
        """Return what was laid out."""
        if need not in self.now:
            raise UnknownNeedError(f"no need is called {need}")
        found = self.now[need]
        if found is None:
            raise NoCredentialNowError(f"nothing of {need} is alive")
        return found
