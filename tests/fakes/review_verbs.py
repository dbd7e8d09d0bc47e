"""The verbs on reviews as doubles, and what they answer."""

from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from broker.ids import ReviewId
from broker.model.fact import BUNDLE, Thing, ThingKind
from broker.model.principal import Principal
from broker.review_effects import Review
from broker.reviewing import NewAnswer, Reviewed, ReviewedPage, ReviewPage
from broker.reviews.answers import Answer, Effect
from broker.reviews.packets import Entry, Header, entry_of
from broker.reviews.rights import Rights
from broker.reviews.trails import Evidence
from broker.reviews.usage import Usage
from broker.store.review_ledger import KeptReview
from tests.fakes.samples import NOW_MS

T = TypeVar("T")

REVIEW: Final = ReviewId("v_00_" + "a" * 26)
PACKET: Final = "ab" * 32
READ: Final = "orders-api orders:read"


class Stage(Protocol):
    """What all doubles share: :class:`tests.fakes.services.Stage`."""

    async def play(self, verb: str, caller: Principal, *arguments: object, answer: T) -> T:
        """Record a call; then wait, fail or answer."""
        ...


def an_entry(**said: object) -> Entry:
    """An agent that was granted one thing, of which nobody tells whether it was used."""
    known = {"owner": "person:dana", "purpose": "reconciles invoices", "status": "active"} | said
    thing = Thing(kind=ThingKind.AGENT, tenant="acme", name="invoice-bot", source=BUNDLE, **known)
    usage = Usage(granted={READ: 3}, denied={f"{READ} forbidden": 1}, tasks=2, credentials=3)
    return entry_of(thing, Rights((READ,)), usage, {}, {})


def a_header(**said: object) -> Header:
    """What holds for a packet of one agent."""
    known = {
        "tenant": "acme",
        "owner": "person:dana",
        "registered": True,
        "due": "2027-01-31",
        "next_review": "2027-06-30",
        "reason": "the first quarter",
        "by": "olga",
        "since": "2026-10-15T08:00:00.000Z",
        "until": "2027-01-15T08:00:00.000Z",
        "evidence": Evidence(("audit.jsonl",), 9, 9, verified=True),
        "bundle": 1,
        "bundle_digest": "cd" * 32,
        "facts": 3,
        "agents": 1,
    }
    return Header(**(known | said))


def a_review() -> Review:
    """A review that nobody has answered."""
    kept = KeptReview(
        id=REVIEW,
        tenant="acme",
        owner="person:dana",
        due_ms=NOW_MS,
        started_ms=NOW_MS,
        header="",
        digest=PACKET,
        agents=1,
        answered=0,
        state="open",
        overdue_ms=0,
        starts=("invoice-bot",),
    )
    return Review(kept, a_header())


def answered() -> Reviewed:
    """The agent, kept."""
    answer = Answer(
        review=REVIEW,
        agent="invoice-bot",
        verdict="keep",
        reason="does what it is for",
        packet=PACKET,
        by="person:dana",
        issuer="https://people.example",
        subject="dana",
        evidence="ef" * 32,
        review_by="2027-06-30",
    )
    effect = Effect("to-do", "it is kept as it is", ("review_by: 2027-06-30",))
    return Reviewed(an_entry(), answer, NOW_MS, effect)


@dataclass
class FakeReviews:
    """Reviews."""

    stage: Stage

    async def find(
        self, caller: Principal, cursor: str, limit: int, *, tenant: str = "", state: str = ""
    ) -> ReviewPage:
        """List."""
        page = ReviewPage((a_review(),), "1800000000000")
        return await self.stage.play(
            "reviews.find", caller, cursor, limit, tenant, state, answer=page
        )

    async def show(self, caller: Principal, review: ReviewId) -> Review:
        """Show."""
        return await self.stage.play("reviews.show", caller, review, answer=a_review())

    async def page(
        self, caller: Principal, review: ReviewId, cursor: str, limit: int
    ) -> ReviewedPage:
        """List its agents."""
        page = ReviewedPage((Reviewed(an_entry()), answered()), "invoice-bot")
        return await self.stage.play("reviews.page", caller, review, cursor, limit, answer=page)

    async def answer(self, caller: Principal, review: ReviewId, new: NewAnswer) -> Reviewed:
        """Take an answer."""
        return await self.stage.play("reviews.answer", caller, review, new, answer=answered())
