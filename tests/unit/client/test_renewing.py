"""Which credential comes after one: the same prolonged, or another."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from broker.client.api_errors import (
    ApiError,
    CredentialEndedError,
    CredentialNotRenewableError,
    IssuanceFailedError,
    refusal,
)
from broker.client.renewing import Renewing
from broker.client.results import Credential, IssuedCredential
from tests.fakes.delivered import issued

TOY = replace(issued(), kind="toy", target="yard")
NOT_RENEWABLE = "credential-not-renewable"
FAILED = "issuance-failed"
ENDED = "credential-ended"


def refused(status: int, code: str) -> ApiError:
    """A refusal by its word."""
    body = f'{{"type": "https://jit-broker.example/problems/{code}", "status": {status}}}'
    return refusal(status, body.encode())


class Calls:
    """A broker that renews, or refuses to as often as a test says, and issues."""

    def __init__(self, *refusals: ApiError) -> None:
        self._refusals = list(refusals)
        self.asked: list[str] = []
        self.ended_by = ""
        self.tools: list[dict[str, str]] = []

    async def show(self, credential: str) -> Credential:
        """Tell why it has ended."""
        self.asked.append("show")
        return Credential(
            id=credential,
            task=TOY.task,
            kind="toy",
            capability=TOY.capability,
            audience=TOY.audience,
            scope=TOY.scope,
            issued_at=TOY.issued_at,
            expires_at=TOY.expires_at,
            max_expires_at=TOY.max_expires_at,
            generation=1,
            renewable=True,
            state="ended",
            alive=False,
            ended_at=TOY.issued_at,
            ended_by=self.ended_by,
            decision={},
        )

    async def renew(self, credential: str, **_: Any) -> IssuedCredential:
        """Renew."""
        self.asked.append("renew")
        if self._refusals:
            raise self._refusals.pop(0)
        return replace(TOY, id=credential, generation=2)

    async def issue(self, *_: Any, **named: Any) -> IssuedCredential:
        """Issue another."""
        self.asked.append("issue")
        self.tools.append(dict(named["tool"]))
        return replace(TOY, id=f"{TOY.id}-next")


def renewing(
    calls: Calls, first: IssuedCredential, retire: Callable[[IssuedCredential], None]
) -> Renewing:
    """Renew a credential by these calls."""
    return Renewing(calls, first, scopes=("s",), ttl_seconds=None, retire=retire)  # type: ignore[arg-type]


async def test_what_can_be_renewed_is_renewed() -> None:
    """And nothing is given back."""
    calls, retired = Calls(), list[IssuedCredential]()

    younger = await renewing(calls, TOY, retired.append)(idempotency_key="k")

    assert (younger.id, younger.generation, retired) == (TOY.id, 2, [])


@pytest.mark.parametrize("is_said_before", [True, False])
async def test_what_cannot_is_followed_and_given_back(*, is_said_before: bool) -> None:
    """Whether it was known from the beginning or is said now."""
    first = replace(TOY, renewable=not is_said_before)
    calls, retired = Calls(refused(409, NOT_RENEWABLE)), list[IssuedCredential]()

    younger = await renewing(calls, first, retired.append)(idempotency_key="k")

    assert younger.id != first.id
    assert retired == [first]
    assert calls.asked == (["issue"] if is_said_before else ["renew", "issue"])


async def test_what_follows_is_for_the_same_tool() -> None:
    """A tool that was named once is decided about each time."""
    calls, search = Calls(), {"name": "search", "origin": "https://mcp.example/search"}
    first = replace(TOY, renewable=False)
    renew = Renewing(
        calls,  # type: ignore[arg-type]
        first,
        scopes=("s",),
        ttl_seconds=None,
        tool=search,
        retire=[].append,
    )

    await renew(idempotency_key="k")

    assert calls.tools == [search]


async def test_a_target_that_does_not_prolong_it_is_asked_for_another() -> None:
    """In the end; before that it may be passing."""
    calls, retired = Calls(*(refused(502, FAILED) for _ in range(3))), list[IssuedCredential]()
    renew = renewing(calls, TOY, retired.append)

    for _ in range(2):
        with pytest.raises(IssuanceFailedError):
            await renew(idempotency_key="k")
    younger = await renew(idempotency_key="k")

    assert younger.id != TOY.id
    assert retired == [TOY]
    assert calls.asked == ["renew", "renew", "renew", "issue"]


async def test_a_token_is_never_followed() -> None:
    """Its maximum is its maximum."""
    with pytest.raises(CredentialNotRenewableError):
        await renewing(Calls(refused(409, NOT_RENEWABLE)), issued(), [].append)(idempotency_key="k")


async def test_what_was_ended_for_the_sake_of_others_is_followed() -> None:
    """It is dead, so nothing is given back."""
    calls, retired = Calls(refused(410, ENDED)), list[IssuedCredential]()
    calls.ended_by = "collateral"

    younger = await renewing(calls, TOY, retired.append)(idempotency_key="k")

    assert younger.id != TOY.id
    assert (calls.asked, retired) == (["renew", "show", "issue"], [])


@pytest.mark.parametrize("first", [TOY, issued()])
async def test_what_was_ended_on_purpose_is_not_followed(first: IssuedCredential) -> None:
    """At a target or a token."""
    calls = Calls(refused(410, ENDED))
    calls.ended_by = "revoked"

    with pytest.raises(CredentialEndedError):
        await renewing(calls, first, [].append)(idempotency_key="k")

    assert "issue" not in calls.asked
