"""What is asked again about a lease: the recorded question, once for all that asked it alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from broker.model.asked import Asked, Asker
from broker.model.capability import Capability
from broker.model.decision import Decision
from broker.model.redecision import NoLonger, StillGranted
from broker.model.target import TargetRef
from broker.policy.decider import LocalDecider
from broker.policy.engine import Engine
from broker.policy.query import Action, Query
from broker.redeciding import asked_for, question, redecide
from broker.target_wishes import digest_of
from tests.fakes.asking_again import (
    ASKED,
    AT,
    BOTH,
    FIVE_MINUTES,
    READ,
    again,
    held,
    published,
    refused,
)
from tests.fakes.candidates import Candidate
from tests.fakes.policy import CAPABILITY, PRINCIPAL
from tests.fakes.records import lease_spec, task_spec
from tests.fakes.replace import replace

ELSEWHERE: Final = {"issuer": "https://elsewhere.example", "subject": "it"}


# What cannot be asked any more.


@pytest.mark.parametrize(
    "capability", [None, replace(CAPABILITY, tenants=frozenset({"globex"}))], ids=["no", "other's"]
)
async def test_a_capability_that_is_gone_is_granted_to_nobody(
    capability: Capability | None,
) -> None:
    """One that is another tenant's by now looks the same (I16)."""
    answer = await refused(published(capability=capability))

    assert answer.reason == "capability-gone"
    assert answer.missing == ("the capability exists in this tenant",)


@pytest.mark.parametrize(
    "capability",
    [
        replace(CAPABILITY, backend="toy"),
        replace(CAPABILITY, audience="https://other.example"),
    ],
    ids=["backend", "audience"],
)
async def test_a_capability_that_gives_another_thing_is_another_one(
    capability: Capability,
) -> None:
    """Its name alone says nothing of what was granted."""
    assert (await refused(published(capability=capability))).reason == "capability-changed"


@pytest.mark.parametrize(
    "now",
    [replace(AT, template='{"role": "owner"}'), replace(AT, target="other-yard")],
    ids=["template", "target"],
)
async def test_what_another_template_or_target_would_make_is_another_thing(
    now: Capability,
) -> None:
    """A role with more rights, the same name at another server."""
    lease = held(backend="toy", target=TargetRef("yard", "toy-1"), template=digest_of(AT))

    assert (await refused(published(capability=now), lease)).reason == "capability-changed"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"status": "retired"}, "unregistered"),
        ({"tenant": "globex", "teams": []}, "unregistered"),
        ({"status": "suspended"}, "suspended"),
        (
            {"identities": [{"issuer": "https://elsewhere.example", "subject": "it"}]},
            "identity-not-allowed",
        ),
    ],
    ids=["retired", "moved", "suspended", "other identity"],
)
async def test_an_agent_that_may_not_act_now_keeps_nothing(
    tmp_path: Path, changed: dict[str, object], reason: str
) -> None:
    """Whatever policy would say of it."""
    candidate = Candidate(tmp_path)
    candidate.agent("invoice-bot", **changed)
    now = replace(published(), registry=candidate.published().registry)

    answer = await refused(now)

    assert answer.reason == reason
    assert answer.missing == ("the agent is registered, and active",)


async def test_an_agent_that_nobody_registers_any_more_keeps_nothing() -> None:
    """It is nobody."""
    gone = replace(ASKED, by=replace(ASKED.by, name="gone-bot"))

    assert (await refused(published(), held(gone))).reason == "unregistered"


async def test_a_question_that_cannot_be_put_any_more_is_a_no() -> None:
    """A label that this version does not take."""
    odd = replace(ASKED, labels={"__entity": "x"})

    answer = await refused(published(), held(odd))

    assert answer.reason == "unreadable"
    assert answer.missing[0].startswith("what was asked can be read: ")


# What is asked.


def test_a_renewal_is_asked_again_as_one() -> None:
    """It gave the lease what it has."""
    first = question(published(), held(), task_spec())
    renewed = question(published(), held(replace(ASKED, is_renewal=True)), task_spec())

    assert isinstance(first, Query)
    assert isinstance(renewed, Query)
    assert first.action is Action.REQUEST_CREDENTIAL
    assert renewed == replace(first, action=Action.RENEW_CREDENTIAL)


def test_the_question_is_the_recorded_one_in_its_task() -> None:
    """Who asked as it was attested, for what, for how long; nothing of what was given."""
    asked = replace(
        ASKED, by=replace(ASKED.by, claims={"pod": "a"}), ttl_ms=1_000, labels={"why": "x"}
    )

    put_again = question(published(), held(asked, scopes=()), task_spec(tickets=("T-1",)))

    assert isinstance(put_again, Query)
    assert (put_again.scopes, put_again.ttl_ms, put_again.labels) == (READ, 1_000, {"why": "x"})
    assert put_again.principal.claims == {"pod": "a"}
    assert put_again.principal.subject == PRINCIPAL.subject
    assert put_again.task.tickets == ("T-1",)
    assert put_again.ceiling == task_spec().ceiling
    assert put_again.capability == CAPABILITY


def test_without_a_record_what_the_spec_says_was_asked() -> None:
    """An older version kept none: no claims, no labels, no subject."""
    spec = lease_spec(scopes=("orders:read", "orders:write"))

    asked = asked_for(held(None, scopes=spec.scopes))

    assert asked == Asked(
        by=Asker(
            name=spec.agent,
            tenants=frozenset({spec.tenant}),
            instance=spec.instance,
            issuer=spec.evidence_issuer,
            subject="",
        ),
        scopes=BOTH,
        ttl_ms=FIVE_MINUTES,
    )


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ('context.scopes.contains("orders:read")', True),
        ('context.labels.contains("why=x")', False),
        ('context.caller.claims.contains("pod=a")', False),
    ],
    ids=["scopes", "labels", "claims"],
)
async def test_without_a_record_nothing_is_granted_for_claims_or_labels(
    condition: str, *, kept: bool
) -> None:
    """With one it is: what was said then still counts."""
    text = f'@id("p") permit (principal is Agent, action, resource) when {{ {condition} }};'
    recorded = replace(ASKED, by=replace(ASKED.by, claims={"pod": "a"}), labels={"why": "x"})

    answer = await again(published(text), held(None))

    assert await again(published(text), held(recorded)) == StillGranted()
    assert isinstance(answer, StillGranted) is kept
    assert kept or (isinstance(answer, NoLonger) and answer.reason == "no-permit")


# Many at once.


class Listening(LocalDecider):
    """Decides as ever, and keeps what it was asked."""

    heard: list[Query]

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.heard = []

    async def decide_many(self, queries: Sequence[Query]) -> Sequence[Decision]:
        """Answer each."""
        self.heard += queries
        return await super().decide_many(queries)


async def test_what_was_asked_alike_is_asked_once_and_each_has_its_own_answer() -> None:
    """One record of what was asked, in one task; what each was given is its own."""
    now = published(capability=replace(CAPABILITY, max_ttl_ms=FIVE_MINUTES))
    decider = Listening(now.engine)
    now = replace(now, deciding=lambda _: decider)
    other = replace(ASKED, ttl_ms=60_000)
    task, second = task_spec(), task_spec(id="t_07_" + "z" * 26)
    cases = [
        (held(), task),
        (replace(held(), given_ms=2 * FIVE_MINUTES), task),
        (held(other), task),
        (held(), second),
        (held(capability="gone"), task),
        (held(), task),
    ]

    answers = await redecide(now, cases)

    reasons = [each.reason if isinstance(each, NoLonger) else "" for each in answers]
    assert reasons == ["", "shorter-now", "", "", "capability-gone", ""]
    assert [(each.ttl_ms, each.task.id) for each in decider.heard] == [
        (FIVE_MINUTES, task.id),
        (60_000, task.id),
        (FIVE_MINUTES, second.id),
    ]


async def test_leases_without_a_record_are_asked_about_one_by_one() -> None:
    """Nothing says that they were asked for alike."""
    decider = Listening(published().engine)
    now = replace(published(), deciding=lambda _: decider)
    one, other = held(None), held(None, id="l_07_" + "z" * 26, scopes=())

    answers = await redecide(now, [(one, task_spec()), (other, task_spec())])

    assert answers == [StillGranted(), StillGranted()]
    assert [each.scopes for each in decider.heard] == [READ, frozenset()]


async def test_of_no_leases_nothing_is_asked() -> None:
    """An empty page has no answers."""
    assert await redecide(published(), []) == []
