"""What is shown of a credential that only a proxy holds, and what follows one that is dead."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from broker.client.api_errors import ApiError, CredentialEndedError, refusal
from broker.client.errors import BrokerUnreachableError, ClientError
from broker.client.held import Asked, HeldCredential
from broker.client.results import Credential, IssuedCredential
from broker.running.keeper import Keeper
from broker.running.need import Need
from broker.running.shapes.catalogue import parse_shape
from broker.running.shapes.shape import Place, ShapeUnfitError
from broker.secret import Secret
from tests.fakes.clock import FakeClock
from tests.fakes.delivered import LIFE, NOW, issued
from tests.fakes.held_values import BUCKET, EXPIRES

STAND_IN: Final = {
    "access_key_id": Secret("ASIASTANDINX"),
    "secret_access_key": Secret("standin_secret"),
    "session_token": Secret("standin_token"),
}
REAL: Final = [value.reveal() for name, value in BUCKET.values.items() if name != "region"]


def keeper(shape: str, kind: str = "aws_sts") -> Keeper:
    """Keep a session, which the command takes in one shape."""
    issued: Any = SimpleNamespace(
        id="l",
        capability="files",
        kind=kind,
        secret=BUCKET.values,
        expires_at=EXPIRES,
        target="t",
        reach=UNSET,
    )
    need = Need(name="files", capability="files", scopes=("r",), shapes=(parse_shape(shape),))
    held: Any = SimpleNamespace(current=issued, seconds_left=lambda: 60.0)
    return Keeper(need, held, _never, _never)


async def _never(asked: object) -> Any:
    raise AssertionError(asked)


@pytest.mark.parametrize("shape", ["aws", "env", "env:S3_"])
def test_the_command_sees_stand_ins_and_the_region(tmp_path: Path, shape: str) -> None:
    """In variables, without an end: there is nothing to ask for anew."""
    kept = keeper(shape)
    kept.show_keys(STAND_IN)

    (fitting,) = kept.fit(Place(tmp_path, "http://127.0.0.1:1", Secret("t")))

    texts = {*fitting.variables.values(), *(text.reveal() for text in kept.files().values())}
    assert {word.reveal() for word in STAND_IN.values()} <= texts
    assert not texts & set(REAL)
    assert BUCKET.values["region"].reveal() in texts
    assert "AWS_CREDENTIAL_EXPIRATION" not in fitting.variables
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in fitting.variables


def test_what_a_user_has_set_does_not_win_over_the_stand_ins(tmp_path: Path) -> None:
    """Neither a profile nor another run's desk."""
    kept = keeper("aws")
    kept.show_keys(STAND_IN)

    (fitting,) = kept.fit(Place(tmp_path, "http://127.0.0.1:1", Secret("t")))

    assert {"AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} <= fitting.hides
    assert fitting.variables["AWS_CONFIG_FILE"].startswith(str(tmp_path))


def test_what_is_no_session_of_aws_signs_nothing() -> None:
    """The route is wrong, and nothing is started."""
    with pytest.raises(ShapeUnfitError, match="signs nothing"):
        keeper("env", kind="vault").show_keys(STAND_IN)


FIRST = issued()
OTHER = replace(FIRST, id=f"{FIRST.id}-next")
ORDERS = Need(name="orders", capability="orders-api", scopes=("orders:read",))


def problem(status: int, code: str) -> ApiError:
    """Return what the broker refuses with."""
    return refusal(status, f'{{"status": {status}, "code": "{code}"}}'.encode())


def shown(ended_by: str) -> Credential:
    """Return what has become of the first one."""
    return Credential(
        id=FIRST.id,
        task=FIRST.task,
        kind="jwt",
        capability=FIRST.capability,
        audience="",
        scope="",
        issued_at=NOW,
        expires_at=NOW + timedelta(seconds=LIFE),
        max_expires_at=NOW + timedelta(seconds=LIFE),
        generation=1,
        renewable=True,
        state="ended",
        alive=False,
        ended_at=NOW,
        ended_by=ended_by,
        decision={},
    )


@dataclass
class Broker:
    """Says what has become of the first credential, and gives another or refuses."""

    became: Credential | ClientError
    gives: IssuedCredential | ClientError = OTHER
    clock: FakeClock = field(default_factory=FakeClock)

    async def show(self, _: str) -> Credential:
        """Say it."""
        if isinstance(self.became, ClientError):
            raise self.became
        return self.became

    async def obtain(self, _: Need) -> HeldCredential:
        """Give it."""
        if isinstance(self.gives, ClientError):
            raise self.gives
        return self.held(self.gives)

    def held(self, given: IssuedCredential) -> HeldCredential:
        """Hold what was given; nobody renews it here."""

        async def renew(*, idempotency_key: str) -> IssuedCredential:
            raise AssertionError(idempotency_key)

        return HeldCredential(given, Asked.now(self.clock), renew, clock=self.clock)

    def keeper(self, *, aged: bool = True) -> Keeper:
        """Keep the first one; it has died of age."""
        keeper = Keeper(ORDERS, self.held(FIRST), self.obtain, self.show, clock=self.clock)
        if aged:
            self.clock.advance((LIFE + 1) * 1000)
        return keeper


@pytest.mark.parametrize(
    "became", [shown("expired"), shown(""), problem(404, "not-found")], ids=["expired", "", "gone"]
)
async def test_another_follows_what_has_died_of_age(became: Credential | ClientError) -> None:
    """Also if nobody remembers it; until then it is not called dead."""
    keeper = Broker(became).keeper()

    assert (keeper.end, keeper.wants_another) == (None, True)
    await keeper.follow()

    assert keeper.newest == OTHER
    assert (keeper.end, keeper.wants_another) == (None, False)


async def test_nothing_follows_what_was_taken_away() -> None:
    """Although it has expired as well meanwhile; it is told by whom."""
    keeper = Broker(shown("revoked")).keeper()

    with pytest.raises(CredentialEndedError, match="revoked"):
        await keeper.follow()

    assert "revoked" in str(keeper.end)
    assert not keeper.wants_another


async def test_it_is_tried_again_while_nobody_says_what_became_of_it() -> None:
    """A broker that is away has taken nothing away."""
    keeper = Broker(BrokerUnreachableError("no answer")).keeper()

    with pytest.raises(BrokerUnreachableError):
        await keeper.follow()

    assert (keeper.end, keeper.wants_another) == (None, True)


@pytest.mark.parametrize(
    ("status", "code", "is_over"),
    [(403, "access-denied", True), (401, "unauthenticated", False), (503, "unavailable", False)],
)
async def test_a_refusal_is_for_good_unless_it_may_pass(
    status: int, code: str, *, is_over: bool
) -> None:
    """Evidence that is rotated late is no reason to end anything."""
    keeper = Broker(shown("expired"), problem(status, code)).keeper()

    with pytest.raises(ApiError):
        await keeper.follow()

    assert (keeper.end is not None, keeper.wants_another) == (is_over, not is_over)


async def test_what_lives_is_followed_by_nothing() -> None:
    """A moment before its end, too."""
    broker = Broker(shown(""))
    keeper = broker.keeper(aged=False)
    broker.clock.advance((LIFE - 1) * 1000)

    assert (keeper.end, keeper.wants_another) == (None, False)


async def test_its_end_is_told_by_this_machines_clock() -> None:
    """Whatever instant the broker names: tools compare it with the clock that they have."""
    broker = Broker(shown(""))
    ends = broker.keeper(aged=False).last().expires_at

    assert ends.timestamp() * 1000 == broker.clock.now_ms() + LIFE * 1000
