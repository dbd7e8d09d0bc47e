"""What the broker's API answers about facts, as in ``docs/api.md``."""

from typing import Final

from tests.fakes import token_mint as mint

DIGEST: Final = "ab" * 32


def thing(**changes: object) -> dict[str, object]:
    """A ticket."""
    said = {"status": "open", "owner": "person:ann", "purpose": "a leak", "risk": "", "quota": None}
    more = {"data_class": "", "review_by": "", "identities": [], "hold": None, "stands": True}
    more |= {"ceiling": []}
    named = {"ref": "ticket:OPS-1", "kind": "ticket", "tenant": "acme", "name": "OPS-1"}
    return {**named, "source": "", **said, **more, **changes}


def relationship(**changes: object) -> dict[str, object]:
    """An agent's assignment."""
    ends = {"subject": "agent:invoice-bot", "relation": "assigned-to", "object": "ticket:OPS-1"}
    more = {"tenant": "acme", "source": "", "counts": True, "expires_at": None}
    return {**ends, **more, **changes}


def view(**changes: object) -> dict[str, object]:
    """A ticket with its relationships."""
    both = {"up": [], "down": [relationship()], "complete": True, "revision": 7}
    return {**thing(), **both, **changes}


def changed(**changes: object) -> dict[str, object]:
    """A change that nobody dies of."""
    made = {"revision": 8, "dry_run": False, "changes": 1, "deaths": 0, "dying": []}
    return {**made, "digest": "", "complete": True, **changes}


def dying() -> dict[str, object]:
    """A credential that would die."""
    return {
        "credential": f"l_03_{'c' * 26}",
        "task": mint.ROOT,
        "agent": "invoice-bot",
        "tenant": "acme",
        "capability": "orders-api",
        "expires_at": "2027-01-15T08:00:00.000Z",
        "reason": "agent-held",
    }


def many() -> dict[str, object]:
    """What is answered when many would die."""
    return {
        "type": "https://jit-broker.example/problems/would-kill-many",
        "title": "Would kill many",
        "status": 409,
        "detail": f"40 live credentials would die; if they shall, accept {DIGEST}",
        "deaths": 40,
        "digest": DIGEST,
    }


def faulty() -> dict[str, object]:
    """What is answered when a change cannot be."""
    faults = [
        {"field": "changes[0].ref", "detail": "ticket:X is unknown: put it before"},
        {"field": "changes[1].ref", "detail": "ticket:Y is unknown: put it before"},
    ]
    return {
        "type": "https://jit-broker.example/problems/invalid-change",
        "title": "Invalid change",
        "status": 400,
        "detail": "ticket:X is unknown: put it before (and 1 more faults)",
        "field": "changes[0].ref",
        "faults": faults,
    }
