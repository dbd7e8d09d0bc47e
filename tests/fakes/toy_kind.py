"""The kind of toy targets, as a third party would write one; ``toy.dist-info`` offers it."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from backends.contract import (
    Deadline,
    Death,
    Flaw,
    Minted,
    Place,
    Revocable,
    SelfExpiry,
    Sighting,
    Surroundings,
    Traits,
    Wish,
)
from backends.errors import BackendError, NotMintedError, OtherTargetError, Trouble
from backends.inventory import Found, Listing
from tests.fakes.toy_target import Request, ToyTarget, ask

TRAITS: Final = Traits(
    revocable=Revocable.AT_ONCE,
    self_expiry=SelfExpiry.FULL,
    renewable=True,
    shortest_ttl_ms=1_000,
    can_probe=False,
)


EPOCH: Final = "an-epoch"
"""The ledger's, where a test has none."""

PAGE: Final = 2
"""Few to a page, so that listings have several."""


class ToyOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it listens on the loopback interface."""

    port: int
    keeps: bool = False
    """Whether renewing leaves the password as it is; else there is a new one."""


class ToyTemplate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is one thing to be had."""

    motto: str = ""


class ToyBackend:
    """One toy target."""

    unrecorded_ms = 0

    def __init__(
        self,
        options: ToyOptions,
        traits: Traits = TRAITS,
        epoch: Callable[[], str] = lambda: EPOCH,
    ) -> None:
        self.options = options
        self.traits = traits
        self.epoch = epoch

    def ask(self, op: str, deadline: Deadline, **more: object) -> Request:
        """Ask the target."""
        deadline.require()
        try:
            return ask(self.options.port, {"op": op, **more}, deadline.left_s)
        except TimeoutError:
            raise BackendError(Trouble.LATE) from None
        except OSError:
            raise BackendError(Trouble.UNREACHABLE) from None

    def require(self, place: Place, deadline: Deadline) -> None:
        """Insist on the target that was recorded."""
        if self.ask("who", deadline)["identity"] != place.identity:
            raise OtherTargetError

    def locate(self, wish: Wish, deadline: Deadline) -> Place:
        """Name it."""
        return Place(locator=f"toy_{wish.lease}", identity=self.ask("who", deadline)["identity"])

    def mint(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        """Make it."""
        password = secrets.token_urlsafe(24)
        until = _now_ms() + int(deadline.left_s * 1000)
        answer = self.ask(
            "mint",
            deadline,
            name=place.locator,
            password=password,
            until=expires_at_ms,
            not_after=until,
            scopes=wish.scopes,
            mark=[self.epoch(), wish.lease],
        )
        if answer.get("error") == "exists":
            raise BackendError(Trouble.REFUSED)
        if "error" in answer:
            raise NotMintedError(Trouble.LATE)
        return Minted({"username": place.locator, "password": password})

    def renew(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:  # noqa: ARG002 - the contract's
        """Let it live longer."""
        if not self.traits.renewable:
            raise BackendError(Trouble.REFUSED)
        self.require(place, deadline)
        words = {} if self.options.keeps else {"password": secrets.token_urlsafe(24)}
        until = _now_ms() + int(deadline.left_s * 1000)
        answer = self.ask(
            "renew", deadline, name=place.locator, until=expires_at_ms, not_after=until, **words
        )
        if "error" in answer:
            raise BackendError(Trouble.REFUSED)
        return Minted({"username": place.locator, **words} if words else {})

    def revoke(self, place: Place, deadline: Deadline) -> Death:
        """Kill it."""
        self.require(place, deadline)
        found = self.ask("kill", deadline, name=place.locator)["found"]
        return Death.GONE if found else Death.ABSENT

    def look_up(self, place: Place, deadline: Deadline) -> Sighting:
        """Look."""
        self.require(place, deadline)
        found = self.ask("find", deadline, name=place.locator)["found"]
        return Sighting.ALIVE if found else Sighting.ABSENT

    def inventory(self, after: str, deadline: Deadline) -> Listing:
        """List."""
        answer = self.ask("list", deadline, after=after, limit=PAGE, prefix="toy_")
        rows = answer["rows"]
        found = tuple(Found(locator=n, epoch=mark[0], lease=mark[1]) for n, mark in rows)
        return Listing(answer["identity"], found, after=rows[-1][0] if len(rows) == PAGE else "")

    def probe(self, place: Place, deadline: Deadline) -> bool:  # noqa: ARG002 - the contract's
        """Refuse."""
        raise BackendError(Trouble.REFUSED)

    def close(self) -> None:
        """Hold nothing."""


class ToyKind:
    """Toys."""

    def __init__(self, name: str, traits: Traits) -> None:
        self.name = name
        self.traits = traits

    options: type[msgspec.Struct] = ToyOptions
    template: type[msgspec.Struct] = ToyTemplate

    def template_flaws(self, template: msgspec.Struct, scopes: frozenset[str]) -> Iterator[Flaw]:  # noqa: ARG002 - the contract's
        """Find nothing."""
        yield from ()

    def open(self, options: msgspec.Struct, surroundings: Surroundings) -> ToyBackend:
        """Make a backend."""
        assert isinstance(options, ToyOptions)
        return ToyBackend(options, self.traits, surroundings.epoch)


kind: Final = ToyKind("toy", TRAITS)
lasting: Final = ToyKind("lasting-toy", replace(TRAITS, renewable=False))
"""Another kind, whose credentials are not renewed."""


@dataclass
class Opened:
    """A session at a toy target."""

    port: int
    session: str

    def is_open(self) -> bool:
        """Use it."""
        return bool(ask(self.port, {"op": "use", "session": self.session}, 10)["open"])


def enter(target: ToyTarget, words: Mapping[str, str]) -> Opened | None:
    """Use a credential from the beginning."""
    request = {"op": "enter", "name": words["username"], "password": words["password"]}
    answer = ask(target.port, request, 10)
    return Opened(target.port, answer["session"]) if "session" in answer else None


def install(folder: Path) -> Path:
    """Make a folder that, on the path of Python, offers this kind as an installed package does."""
    info = folder / "toy_kind-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-kind\nVersion: 1\n")
    offered = (
        "[jit_broker.backends]\n"
        "toy = tests.fakes.toy_kind:kind\n"
        "lasting-toy = tests.fakes.toy_kind:lasting\n"
        "toylist = tests.fakes.toy_list:kind\n"
    )
    (info / "entry_points.txt").write_text(offered)
    return folder


def _now_ms() -> int:
    return time.time_ns() // 1_000_000  # noqa: TID251 - a third party has a clock of its own
