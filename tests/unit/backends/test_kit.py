# ruff: noqa: D102 - the contract says what each method does
"""The contract test kit passes an honest backend, and catches every planted wrong one."""

import itertools
from collections.abc import Iterator, Mapping

import pytest
from msgspec.structs import replace

from backends import kit_lists
from backends.contract import (
    Deadline,
    Death,
    Minted,
    Place,
    Revocable,
    SelfExpiry,
    Sighting,
    Traits,
    Wish,
)
from backends.errors import BackendError, NotMintedError, Trouble
from backends.kit import PROMISES, broken_promises, unchecked
from tests.fakes.toy_kind import (
    TRAITS,
    ToyBackend,
)
from tests.fakes.toy_lab import Make, ToyLab
from tests.fakes.toy_target import ToyTarget


class Forgetful(ToyBackend):
    """Names the same credential otherwise every time."""

    _numbers = itertools.count()

    def locate(self, wish: Wish, deadline: Deadline) -> Place:
        place = super().locate(wish, deadline)
        return Place(locator=f"{place.locator}_{next(self._numbers)}", identity=place.identity)


class Liar(ToyBackend):
    """Says gone, and does nothing."""

    def revoke(self, place: Place, deadline: Deadline) -> Death:
        self.require(place, deadline)
        return Death.GONE


class Zealot(ToyBackend):
    """Kills everybody."""

    def revoke(self, place: Place, deadline: Deadline) -> Death:
        achieved = super().revoke(place, deadline)
        for name in range(1_000):
            self.ask("kill", deadline, name=f"toy_l_00_{name}")
        return achieved


class Doorkeeper(ToyBackend):
    """Lets nobody in any more, and lets stay who is in."""

    def revoke(self, place: Place, deadline: Deadline) -> Death:
        self.require(place, deadline)
        found = self.ask("find", deadline, name=place.locator)["found"]
        self.ask("forget", deadline, name=place.locator)
        return Death.GONE if found else Death.ABSENT


class Trusting(ToyBackend):
    """Takes any target for the one that was recorded."""

    def require(self, place: Place, deadline: Deadline) -> None:
        """Believe it."""


class Latecomer(ToyBackend):
    """Mints although its time is over."""

    def mint(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        more = Deadline(deadline.at_ms + 60_000, deadline.clock_ms)
        return super().mint(wish, place, expires_at_ms, more)


class Optimist(ToyBackend):
    """Takes a lost answer for a refusal."""

    def mint(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        try:
            return super().mint(wish, place, expires_at_ms, deadline)
        except BackendError as error:
            if error.trouble is Trouble.UNREACHABLE:
                raise NotMintedError(error.trouble) from None
            raise


class Gossip(ToyBackend):
    """Puts secrets into its errors."""

    _last = ""

    def mint(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        try:
            made = super().mint(wish, place, expires_at_ms, deadline)
        except BackendError as error:
            raise BackendError(error.trouble, f"exists with {self._last}") from None
        self._last = made.words["password"]
        return made


class Fussy(ToyBackend):
    """Does not know what it has killed."""

    def revoke(self, place: Place, deadline: Deadline) -> Death:
        achieved = super().revoke(place, deadline)
        if achieved is Death.ABSENT:
            raise BackendError(Trouble.REFUSED, "no such credential")
        return achieved


class Blind(ToyBackend):
    """Sees nothing."""

    def look_up(self, place: Place, deadline: Deadline) -> Sighting:
        self.require(place, deadline)
        return Sighting.ABSENT


class Eternal(ToyBackend):
    """Mints for ever, and says that age does it all."""

    def mint(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        return super().mint(wish, place, expires_at_ms + 10**9, deadline)


class Necromancer(ToyBackend):
    """Renews what is gone by making it anew."""

    def renew(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        try:
            return super().renew(wish, place, expires_at_ms, deadline)
        except BackendError as error:
            if error.trouble is Trouble.OTHER_TARGET:
                raise
            return self.mint(wish, place, expires_at_ms, deadline)


class Generous(ToyBackend):
    """Delivers another secret with each renewal, and leaves the former ones alive."""

    def renew(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        self.require(place, deadline)
        twin = Place(locator=f"{place.locator}_{expires_at_ms}", identity=place.identity)
        self.ask("kill", deadline, name=twin.locator)
        return self.mint(wish, twin, expires_at_ms, deadline)


class Straggler(ToyBackend):
    """Renews although its time is over."""

    def renew(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        more = Deadline(deadline.at_ms + 60_000, deadline.clock_ms)
        super().renew(wish, place, expires_at_ms, more)
        raise BackendError(Trouble.LATE)


class Paper(ToyBackend):
    """Says that it has renewed."""

    def renew(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:  # noqa: ARG002 - the contract's
        self.require(place, deadline)
        return Minted({})


def _traits(make: type[ToyBackend] = ToyBackend, **changes: object) -> Make:
    base = {name: getattr(TRAITS, name) for name in TRAITS.__struct_fields__}
    return lambda options: make(options, Traits(**{**base, **changes}))  # type: ignore[arg-type]


def _lasting(make: type[ToyBackend]) -> Make:
    """Plant it in a kind that renews nothing: there is less to wait for."""
    return _traits(make, renewable=False)


PLANTED: Mapping[str, tuple[Make, str]] = {
    "forgetful": (_lasting(Forgetful), "a place is named before, and the same every time"),
    "liar": (_lasting(Liar), "what is gone is refused, sessions included"),
    "zealot": (_lasting(Zealot), "killing one leaves the others"),
    "doorkeeper": (_lasting(Doorkeeper), "what is gone is refused, sessions included"),
    "trusting": (_lasting(Trusting), "another target knows nothing"),
    "latecomer": (_lasting(Latecomer), "a mint past its deadline makes nothing"),
    "optimist": (_lasting(Optimist), "a lost answer is not called a refusal"),
    "gossip": (_lasting(Gossip), "secrets show nowhere"),
    "fussy": (_lasting(Fussy), "killing twice is killing once"),
    "blind": (_lasting(Blind), "what is minted works"),
    "probes on paper": (_traits(can_probe=True, renewable=False), "probing is as declared"),
    "looks although it cannot": (
        _traits(can_look_up=False, renewable=False),
        "looking is as declared",
    ),
    "standing secret": (
        _traits(revocable=Revocable.NEVER, self_expiry=SelfExpiry.NONE, renewable=False),
        "its promises are possible",
    ),
}


RENEWING: Mapping[str, tuple[type[ToyBackend], str]] = {
    "paper": (Paper, "renewing is as declared"),
    "generous": (Generous, "renewing is as declared"),
    "straggler": (Straggler, "a renewal past its deadline prolongs nothing"),
    "necromancer": (Necromancer, "renewing brings nothing back"),
}


@pytest.fixture
def target() -> Iterator[ToyTarget]:
    """A toy target."""
    with ToyTarget() as target:
        yield target


def test_an_honest_backend_keeps_every_promise(target: ToyTarget) -> None:
    """The kit has nothing to complain of, and leaves nothing out."""
    lab = ToyLab(target, ToyBackend)

    assert broken_promises(lab) == {}
    assert set(unchecked(lab)) == set(kit_lists.PROMISES)


def test_one_that_keeps_its_secret_is_as_honest(target: ToyTarget) -> None:
    """Renewing may return no words: what was delivered goes on."""
    lab = ToyLab(target, lambda options: ToyBackend(replace(options, keeps=True)))

    assert broken_promises(lab, *(promise for _, promise in RENEWING.values())) == {}


@pytest.mark.parametrize("name", RENEWING)
def test_a_wrong_renewal_is_caught(
    name: str, target: ToyTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each at the promise that it breaks."""
    monkeypatch.setattr("backends.kit.PATIENCE_S", 1.0)
    make, promise = RENEWING[name]

    assert broken_promises(ToyLab(target, make), promise) == {promise: "it is not so"}


@pytest.mark.parametrize("name", PLANTED)
def test_a_wrong_backend_is_caught(
    name: str, target: ToyTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each at the promise that it breaks."""
    monkeypatch.setattr("backends.kit.PATIENCE_S", 1.0)
    make, promise = PLANTED[name]

    broken = broken_promises(ToyLab(target, make))

    assert broken[promise] == "it is not so" or "Error" in broken[promise]
    assert len(broken) < len(PROMISES) // 2


def test_what_does_not_age_is_caught(target: ToyTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for, and does not come."""
    monkeypatch.setattr("backends.kit.PATIENCE_S", 1.0)

    assert "age does what it is said to do" in broken_promises(ToyLab(target, _lasting(Eternal)))


def test_what_a_lab_cannot_do_is_said(target: ToyTarget) -> None:
    """Nothing is passed in silence."""

    class Poor(ToyLab):
        def losing_replies(self) -> None:  # type: ignore[override]
            """Cannot."""

    lab = Poor(target, _traits(revocable=Revocable.NEVER))

    assert "a lost answer is not called a refusal" in set(unchecked(lab))
    assert "killing one leaves the others" in set(unchecked(lab))
    assert set(unchecked(lab)) < set(PROMISES)
