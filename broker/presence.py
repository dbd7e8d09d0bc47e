"""Telling the others what this broker serves: a change of keys waits until every broker serves it.

What is told is what answers: it is read from the objects that serve, never from what they should.
"""

from contextlib import suppress

from broker.errors import UnavailableError
from broker.gate import Gate
from broker.key_state import key_set_digest
from broker.replica import Replica
from broker.signing.keyring import Keyring
from broker.store.ledger import Ledger
from broker.store.replicas import Replicas, Serving


class Presence:
    """One broker's reports. ``process`` names it for as long as it runs, ``name`` is for people."""

    def __init__(
        self, replicas: Replicas, replica: Replica, gate: Gate, *, process: str, name: str
    ) -> None:
        self._replicas = replicas
        self._replica = replica
        self._gate = gate
        self._id = process
        self._name = name

    @classmethod
    def over(cls, ledger: Ledger, replica: Replica, gate: Gate, name: str) -> "Presence":
        """Build it for this very process."""
        return cls(ledger.replicas, replica, gate, process=ledger.ids.operation(), name=name)

    async def report(self) -> None:
        """Say what is served now.

        Raises:
            StoreUnavailableError: nobody heard it.
        """
        await self._replicas.report(self._id, self.serving())

    async def leave(self) -> None:
        """Say that nothing is served any more. If nobody hears it, it is called silent a while."""
        with suppress(UnavailableError):
            await self._replicas.leave(self._id)

    def serving(self) -> Serving:
        """Look at what is served."""
        trouble = "; ".join(f"{word}: {what}" for word, what, _ in self._gate.hindrances())
        keyring = self._keyring()
        return Serving(
            name=self._name,
            manifest=keyring.number if keyring else 0,
            key_set=key_set_digest(keyring) if keyring else "",
            halves=keyring.halves() if keyring else (),
            revision=self._replica.revision,
            is_giving=self._gate.is_open,
            trouble=trouble[:500],
            graph=self._replica.graph,
            facts_age_ms=self._replica.facts_age_ms,
        )

    def _keyring(self) -> Keyring | None:
        try:
            return self._replica.keyring
        except UnavailableError:
            return None
