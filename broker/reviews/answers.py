"""What a reviewer answers, who may, and what follows from it."""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from broker.facts.change import Change, HoldThing, LiftHold, PutThing
from broker.facts.facts import Facts
from broker.facts.reach import reach_above
from broker.facts.slices import MAX_THINGS
from broker.facts.text_form import parse_ref
from broker.model.fact import Hold, Ref, Thing, ThingKind
from broker.model.principal import Kind, Principal
from broker.reviews.packets import Header, Verdict, owner_label

SIGNED: Final = (
    *("review", "agent", "verdict", "reason", "packet", "by", "issuer", "subject", "evidence"),
    *("ceiling", "review_by"),
)
"""What an answer says: the audit trail has it, and the broker's signature is over its digest."""

_RETIRED: Final = "retired"


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer about one agent, bound to the packet's digest.

    ``issuer`` and ``subject`` are of the evidence that ``by`` showed, ``evidence`` is its digest.
    ``signature`` is the broker's word that all of this was so (:mod:`broker.answer_signing`).
    """

    review: str
    agent: str
    verdict: Verdict
    reason: str
    packet: str
    by: str
    issuer: str
    subject: str
    evidence: str
    ceiling: tuple[str, ...] = ()
    review_by: str = ""
    signature: str = ""


class Effect(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of an answer. ``to_do`` is what ``agents.yaml`` has to say for it to be whole."""

    state: str
    told: str
    to_do: tuple[str, ...] = ()
    revision: int = 0


def signed_of(answer: Answer) -> dict[str, object]:
    """Return what an answer says, as the audit trail has it."""
    return {name: getattr(answer, name) for name in SIGNED}


def answer_digest(said: Mapping[str, object]) -> str:
    """Return the SHA-256 of what an answer says: JSON in UTF-8, members sorted, without blanks."""
    signed = {name: said[name] for name in SIGNED}
    return hashlib.sha256(msgspec.json.encode(signed, order="deterministic")).hexdigest()


def audience_of(review: str) -> str:
    """Return for whom the signature of an answer is: for who reads that review, and no server."""
    return f"urn:jit-broker:review:{review}"


def may_answer(facts: Facts, header: Header, caller: Principal, now_ms: int) -> bool:
    """Tell whether somebody answers for what is in a packet, as things are now.

    The owner, or a member of the team that is; where nobody registered is, the tenant's operators.
    """
    if not caller.answers_for(header.tenant):
        return False
    if not header.registered:
        return caller.kind is Kind.OPERATOR
    if caller.kind is not Kind.PERSON:
        return False
    person = Ref(ThingKind.PERSON, header.tenant, caller.name)
    owner = parse_ref(header.owner, header.tenant)
    if not facts.stands(person) or facts.tenant_hold(header.tenant) is not None:
        return False
    if owner == person:
        return True
    above = reach_above(facts, person, now_ms, limit=MAX_THINGS)
    is_team = owner.kind is ThingKind.TEAM and facts.stands(owner)
    return is_team and any(each.ref == owner for each in above.found)


def may_look(facts: Facts, header: Header, caller: Principal, now_ms: int) -> bool:
    """Tell whether a packet exists for somebody: an operator of its tenant, or who may answer."""
    is_operator = caller.kind is Kind.OPERATOR and caller.answers_for(header.tenant)
    return is_operator or may_answer(facts, header, caller, now_ms)


def stale(facts: Facts, header: Header, agent: str) -> str:
    """Say what of an agent has changed since its packet was made; empty if nothing has."""
    thing = facts.agent(agent)
    if thing is None or thing.tenant != header.tenant:
        return f"agent:{agent} is no agent of {header.tenant} any more"
    if thing.status == _RETIRED:
        return f"agent:{agent} is retired"
    if owner_label(thing, facts)[0] != header.owner:
        return f"agent:{agent} is no longer {header.owner}'s"
    return ""


def changes_of(facts: Facts, answer: Answer, thing: Thing, at_ms: int) -> tuple[Change, ...]:
    """Return what an answer changes among the facts, as they are now."""
    logged = None if thing.ref in facts.base.things else facts.logged(thing.ref)
    if answer.verdict == "revoke":
        why = Hold(f"review {answer.review}: {answer.reason}"[:500], answer.by, at_ms)
        return () if thing.hold is not None else (HoldThing(thing.ref, why),)
    said = [] if logged is None else [PutThing(_reviewed(logged, answer))]
    held_by_it = thing.hold is not None and thing.hold.by == held_by(answer.review)
    return (*said, *([LiftHold(thing.ref)] if held_by_it else []))


def _reviewed(logged: Thing, answer: Answer) -> Thing:
    ceiling = logged.ceiling
    if answer.verdict == "narrow":
        ceiling = tuple(line for line in answer.ceiling if not ceiling or line in ceiling)
    return replace(logged, review_by=answer.review_by, ceiling=ceiling)


def to_do_of(facts: Facts, answer: Answer, thing: Thing) -> tuple[str, ...]:
    """Return what ``agents.yaml`` has to say of an agent that it declares; nothing of another."""
    if thing.ref not in facts.base.things:
        return ()
    if answer.verdict == "revoke":
        return ("status: retired",)
    lines = [f"review_by: {answer.review_by}"]
    if answer.verdict == "narrow":
        lines += ["ceiling:", *(f"  - {line}" for line in answer.ceiling)]
    return tuple(lines)


def held_by(review: str) -> str:
    """Return who holds what a review was not answered about in time."""
    return f"review:{review}"
