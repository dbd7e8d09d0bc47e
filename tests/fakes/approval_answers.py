"""What the broker's API answers about approvals, as in ``docs/api.md``."""

from typing import Any, Final

from tests.fakes.answers import TASK

APPROVAL: Final = f"a_00_{'b' * 26}"
DIGEST: Final = "3f" * 32


def awaited(**changes: Any) -> dict[str, Any]:
    """What its asker learns."""
    return {
        "id": APPROVAL,
        "state": "pending",
        "digest": DIGEST,
        "task": TASK,
        "capability": "refunds",
        "scope": "refunds:write",
        "ttl_seconds": 60,
        "asked_at": "2027-01-15T08:00:00.000Z",
        "expires_at": "2027-01-15T09:00:00.000Z",
        "because": "",
        "credential": "",
        "poll": f"/v1/approvals/{APPROVAL}",
        "redeem": f"/v1/approvals/{APPROVAL}/credential",
        "interval_seconds": 5,
        **changes,
    }


def approval(**changes: Any) -> dict[str, Any]:
    """What an operator sees of it, after one of two has agreed."""
    return {
        "id": APPROVAL,
        "state": "pending",
        "version": 2,
        "digest": DIGEST,
        "asked_at": "2027-01-15T08:00:00.000Z",
        "expires_at": "2027-01-15T09:00:00.000Z",
        "settled_at": None,
        "because": "",
        "credential": "",
        "may_answer": False,
        "who": ["dana", "erin"],
        "known": {
            "task": TASK,
            "agent": "invoice-bot",
            "capability": "refunds",
            "agent_record": None,
        },
        "said": [],
        "requirements": [{"groups": ["oncall"], "count": 2, "not_owner": False, "met": False}],
        "answers": [
            {"person": "erin", "answer": "yes", "at": "2027-01-15T08:01:00.000Z", "reason": ""}
        ],
        **changes,
    }
