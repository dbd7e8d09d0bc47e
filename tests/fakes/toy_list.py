"""A toy target that takes nothing back, and keeps lists of whom it refuses; and its kind.

It can lie: acknowledge a document and lose it, or show an older one. A hand can edit a document.
"""

import secrets
from collections.abc import Iterator
from typing import Final

import msgspec

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
from backends.deny_lists import Ban, Desired, ListAt, Standing
from backends.errors import BackendError, NotMintedError, OtherTargetError, Trouble
from tests.fakes.toy_kind import ToyBackend, ToyOptions, _now_ms
from tests.fakes.toy_target import Request, ToyTarget

TRAITS: Final = Traits(
    revocable=Revocable.EVENTUALLY,
    self_expiry=SelfExpiry.FULL,
    renewable=False,
    shortest_ttl_ms=1_000,
    can_probe=True,
)
EMPTY: Final[Request] = {"entries": [], "before": 0, "mark": ""}


class ListTarget(ToyTarget):
    """One document for each list; whoever it names is refused, and whoever is too old."""

    def __init__(self, identity: str = "toy-1", room: int = 100) -> None:
        super().__init__(identity)
        self.documents: dict[str, Request] = {}
        self.room = room
        self.is_losing_writes = False
        self.is_stale = False
        self._older: dict[str, Request] = {}

    def entries(self, at: str = "main") -> set[str]:
        """Return what stands in a list."""
        return set(self.documents.get(at, EMPTY)["entries"])

    def refuses(self, name: str) -> bool:
        """Tell whether a name is refused by the list that it belongs to."""
        held = self.credentials.get(name)
        return held is None or self._is_denied(held)

    def _put(self, request: Request) -> Request:
        if self.is_losing_writes:
            return {}
        at = request["at"]
        if len(request["document"]["entries"]) > self.room:
            return {"error": "full"}
        self._older[at] = self.documents.get(at, EMPTY)
        self.documents[at] = request["document"]
        return {}

    def _get(self, request: Request) -> Request:
        shown = self._older if self.is_stale else self.documents
        document = shown.get(request["at"], EMPTY)
        return {"document": document, "room": self.room, "now": _now_ms()}

    def _mint(self, request: Request) -> Request:
        return super()._mint({**request, "born": _now_ms()})

    def _find(self, request: Request) -> Request:
        return {**super()._find(request), "denied": self.refuses(request["name"])}

    def _enter(self, request: Request) -> Request:
        held = self.credentials.get(request["name"])
        if held is not None and self._is_denied(held):
            return {"error": "refused"}
        return super()._enter(request)

    def _use(self, request: Request) -> Request:
        name = self.sessions.get(request["session"], "")
        answer = super()._use(request)
        return {"open": answer["open"] and not self.refuses(name)}

    def _try(self, request: Request) -> Request:
        """Make a session of a name that may do nothing, and try to use it."""
        return {"let_in": not self._is_denied({**request, "born": _now_ms()})}

    def _is_denied(self, held: Request) -> bool:
        document = self.documents.get(held["at"], EMPTY)
        name = held["name"]
        named = any(name == each or name.startswith(f"{each}-") for each in document["entries"])
        return named or held["born"] < document["before"]


class ListTemplate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether it can be probed, and which list refuses it."""

    probe: bool = False
    at: str = "main"


class ToyLists(ToyBackend):
    """A toy target with lists. A locator: name there, list, target, and whether it is probed."""

    longest_ms = 3_600_000

    def __init__(self, options: ToyOptions) -> None:
        super().__init__(options, TRAITS)

    def locate(self, wish: Wish, deadline: Deadline) -> Place:
        """Name it."""
        template = wish.template
        assert isinstance(template, ListTemplate)
        identity = self.ask("who", deadline)["identity"]
        name = f"{wish.task}-{wish.lease}"
        locator = f"{name} {template.at} {identity} {int(template.probe)}"
        return Place(locator=locator, identity=identity)

    def mint(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:  # noqa: ARG002 - the contract's
        """Make it."""
        name, at, *_ = place.locator.split(" ")
        words = {"username": name, "password": secrets.token_urlsafe(24)}
        made = self.ask(
            "mint",
            deadline,
            name=name,
            at=at,
            password=words["password"],
            until=expires_at_ms,
            not_after=_now_ms() + int(deadline.left_s * 1000),
        )
        if made.get("error") == "exists":
            raise BackendError(Trouble.REFUSED)
        if "error" in made:
            raise NotMintedError(Trouble.LATE)
        return Minted(words)

    def revoke(self, place: Place, deadline: Deadline) -> Death:  # noqa: ARG002 - the contract's
        """Refuse: nothing is taken back one by one."""
        raise BackendError(Trouble.REFUSED)

    def look_up(self, place: Place, deadline: Deadline) -> Sighting:
        """Look."""
        self.require(place, deadline)
        seen = self.ask("find", deadline, name=place.locator.split(" ")[0])
        if not seen["found"]:
            return Sighting.ABSENT
        return Sighting.DISABLED if seen["denied"] else Sighting.ALIVE

    def probe(self, place: Place, deadline: Deadline) -> bool:
        """Try a name of the same task, and one that nobody refuses, so that a refusal says it."""
        self.require(place, deadline)
        name, at, *_ = place.locator.split(" ")
        canary = self.ask("try", deadline, name=f"{name}-canary", at=at)["let_in"]
        control = self.ask("try", deadline, name=f"control-{secrets.token_hex(8)}", at=at)["let_in"]
        if not control:
            raise BackendError(Trouble.REFUSED, "nobody is let in: a refusal says nothing")
        return not canary

    def ban_of(self, place: Place) -> Ban:
        """Name its list and entries."""
        name, at, identity, _ = place.locator.split(" ")
        if identity != place.identity:
            raise OtherTargetError
        return Ban(at=at, one=name, task=name.split("-")[0])

    def list_of(self, template: msgspec.Struct, deadline: Deadline) -> ListAt:
        """Say what its template says."""
        assert isinstance(template, ListTemplate)
        return ListAt(identity=self.ask("who", deadline)["identity"], at=template.at)

    def weight(self, entry: str) -> int:  # noqa: ARG002 - the contract's
        """Count them."""
        return 1

    def is_probed(self, place: Place) -> bool:
        """Say what its template said."""
        return place.locator.endswith(" 1")

    def stays_until_ms(self, minted_by_ms: int, expires_at_ms: int) -> int:
        """Sessions live as long as they should."""
        return max(minted_by_ms, expires_at_ms)

    def publish(self, at: str, desired: Desired, deadline: Deadline) -> Standing:
        """Write, and read back."""
        document = {
            "entries": sorted(desired.entries),
            "before": desired.issued_before_ms,
            "mark": desired.mark,
        }
        if "error" in self.ask("put", deadline, at=at, document=document):
            raise BackendError(Trouble.REFUSED, "it does not fit")
        return self.read(at, deadline)

    def read(self, at: str, deadline: Deadline) -> Standing:
        """Read."""
        answer = self.ask("get", deadline, at=at)
        document = answer["document"]
        return Standing(
            entries=frozenset(document["entries"]),
            issued_before_ms=document["before"],
            mark=document["mark"],
            room=answer["room"],
            target_now_ms=answer["now"],
        )


class ToyListKind:
    """Toys that are refused by a list."""

    name = "toylist"
    traits = TRAITS
    options: type[msgspec.Struct] = ToyOptions
    template: type[msgspec.Struct] = ListTemplate

    def template_flaws(self, template: msgspec.Struct, scopes: frozenset[str]) -> Iterator[Flaw]:  # noqa: ARG002 - the contract's
        """Find nothing."""
        yield from ()

    def open(self, options: msgspec.Struct, surroundings: Surroundings) -> ToyLists:  # noqa: ARG002 - the contract's
        """Make a backend."""
        assert isinstance(options, ToyOptions)
        return ToyLists(options)


kind: Final = ToyListKind()
