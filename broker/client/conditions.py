"""What a verified token must be good for, beyond being good: scopes, capability, tenant, task.

One judge for :meth:`broker.client.verifier.Verifier.verify`, ``require`` and ``requires``.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypedDict

from broker.client.bearer import require_quotable
from broker.client.errors import (
    CapabilityMismatchError,
    RefusalError,
    ScopeMissingError,
    TaskMismatchError,
    TenantMismatchError,
)
from broker.client.token import VerifiedToken


class ConditionWords(TypedDict):
    """The conditions as :meth:`broker.client.verifier.Verifier.verify` takes them."""

    scopes: frozenset[str]
    capability: str | None
    tenant: str | None
    task: str | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """All of these must hold; None asks nothing."""

    scopes: frozenset[str] = frozenset()
    capability: str | None = None
    tenant: str | None = None
    task: str | None = None

    def words(self) -> "ConditionWords":
        """Return them as the keywords of ``verify``."""
        return {
            "scopes": self.scopes,
            "capability": self.capability,
            "tenant": self.tenant,
            "task": self.task,
        }

    def ensure_met_by(self, token: VerifiedToken) -> None:
        """Return if the token meets them all.

        Raises:
            TenantMismatchError: another tenant's.
            TaskMismatchError: another task's.
            CapabilityMismatchError: granted for something else.
            ScopeMissingError: it does not reach this far.
        """
        for refusal in self._unmet(token):
            raise refusal

    def _unmet(self, token: VerifiedToken) -> Iterator[RefusalError]:
        if self.tenant is not None and token.tenant != self.tenant:
            yield TenantMismatchError()
        if self.task is not None and token.task != self.task:
            yield TaskMismatchError()
        if self.capability is not None and token.capability != self.capability:
            yield CapabilityMismatchError()
        if not self.scopes <= token.scopes:
            yield ScopeMissingError(self.scopes)


def parse_scopes(scope: str | Collection[str]) -> frozenset[str]:
    """Read scopes: several words, or one text with spaces between them (RFC 6749 §3.3).

    Raises:
        ValueError: a scope is empty or cannot stand in a header.
    """
    words = scope.split(" ") if isinstance(scope, str) else list(scope)
    if any(" " in word for word in words):
        raise ValueError("one scope has no space in it")
    return frozenset(map(require_quotable, words))
