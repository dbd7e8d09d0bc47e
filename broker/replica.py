"""What this broker runs: the published revision and the published keys, as the control record says.

- A replica runs the published revision or gives nothing: a bundle that it cannot load closes the
  gate, and the former one decides nothing meanwhile.
- The ledger's epoch is remembered: another one, or none where one was, means that the ledger was
  lost or swapped.
"""

import asyncio
import dataclasses
from pathlib import Path
from typing import Final

from broker.errors import BrokerError, ConfigurationError, UnavailableError
from broker.gate import Gate, Hindrance
from broker.governance.bundle import Bundle
from broker.governance.published import Current, Published
from broker.governance.registered import Registered
from broker.settings.limits import QuotaDefaults
from broker.signing.key_files import load_keys
from broker.signing.keyring import Keyring
from broker.signing.token_verifier import TokenVerifier
from broker.store.control import ControlRecord, ControlStore, PublicKey

WATCHERS: Final = ("ledger", "policy", "keys")
"""The words under which this object reports to the gate."""

_LOOK_BACK: Final = 10
"""Revisions looked at for who was registered, when a broker starts on one that is no bundle."""


class Replica:
    """Follows the control record."""

    def __init__(
        self,
        *,
        control: ControlStore,
        gate: Gate,
        key_directory: Path,
        issuer: str,
        quotas: QuotaDefaults,
    ) -> None:
        self._control = control
        self._gate = gate
        self._key_directory = key_directory
        self._issuer = issuer
        self._quotas = quotas
        self._current = Current()
        self._record: ControlRecord | None = None
        self._announced = 0
        self._registered: Registered | None = None
        self._loaded_keys: tuple[PublicKey, ...] | None = None
        self._keyring: Keyring | None = None
        self._verifier: TokenVerifier | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def published(self) -> Published:
        """The revision in force here.

        Raises:
            UnavailableError: none is.
        """
        return self._current.published

    @property
    def registered(self) -> Registered:
        """Who is registered: known even while the published policies cannot be loaded.

        Raises:
            UnavailableError: nothing readable was ever published.
        """
        if self._registered is None:
            raise UnavailableError("nobody is registered: run `broker apply`")
        return self._registered

    @property
    def keyring(self) -> Keyring:
        """The published keys, with the private halves that are here.

        Raises:
            UnavailableError: none are published.
        """
        if self._keyring is None:
            raise UnavailableError("no signing keys are published: run `broker keys init`")
        return self._keyring

    @property
    def verifier(self) -> TokenVerifier:
        """The verifier of our own tokens.

        Raises:
            UnavailableError: no keys are published.
        """
        if self._verifier is None:
            raise UnavailableError("no signing keys are published: run `broker keys init`")
        return self._verifier

    async def refresh(self) -> None:
        """Load what the control record names, as far as it is new, and report to the gate.

        Raises:
            StoreUnavailableError: the record cannot be read; what is loaded stays.
        """
        async with self._one_at_a_time:
            record = await self._control.read()
            if record is None or not self._is_same_ledger(record):
                self._gate.report("ledger", _lost(self._record))
                return
            if misfit := self._control.misfit(record):
                self._gate.report("ledger", Hindrance(misfit, "then restart this broker"))
                return
            self._gate.report("ledger")
            await self._follow_policy(record)
            await self._follow_keys(record)
            self._record = record

    def _is_same_ledger(self, record: ControlRecord) -> bool:
        return self._record is None or self._record.epoch == record.epoch

    async def _follow_policy(self, record: ControlRecord) -> None:
        if record.revision == 0:
            self._gate.report("policy", Hindrance("nothing is published", "run `broker apply`"))
            return
        try:
            if record.revision != self._current.revision:
                await self._load_revision(record.revision)
        except (ConfigurationError, UnavailableError) as error:
            self._gate.report(
                "policy",
                Hindrance(
                    f"revision {record.revision} cannot be loaded: {error}",
                    "run `broker apply` with files that this version understands",
                ),
            )
            return
        announced = await self._control.announced()
        if announced > record.revision and announced == self._announced:
            self._gate.report("policy", _half_published(announced))
        else:
            self._gate.report("policy")
        self._announced = announced

    async def _load_revision(self, revision: int) -> None:
        raw = (await self._control.bundle(revision)).encode()
        if revision > self._current.revision:
            # First, so that operators can act whatever the policies are worth.
            await self._register(raw, revision)
        # Parsing and self-testing take tens of milliseconds: not on the event loop.
        self._put_in_force(await asyncio.to_thread(self._build, raw, revision))

    async def _register(self, raw: bytes, revision: int) -> None:
        try:
            self._registered = Registered.read(raw)
        except ConfigurationError:
            if self._registered is None:
                self._registered = await self._formerly_registered(revision)
            raise

    async def _formerly_registered(self, revision: int) -> Registered | None:
        """Find out who was registered last: enough to let them take access away, and no more."""
        for former in range(revision - 1, max(0, revision - 1 - _LOOK_BACK), -1):
            try:
                return Registered.read((await self._control.bundle(former)).encode())
            except (ConfigurationError, UnavailableError):
                continue
        return None

    def _put_in_force(self, built: Published) -> None:
        if not self._current.replace(built):
            # An older revision under the same epoch: the ledger was rolled back.
            raise UnavailableError(
                f"this broker has seen revision {self._current.revision} of this ledger already"
            )

    def _build(self, raw: bytes, revision: int) -> Published:
        return Published.of(Bundle.from_bytes(raw), revision=revision, quotas=self._quotas)

    async def _follow_keys(self, record: ControlRecord) -> None:
        try:
            if self._loaded_keys != record.keys or not self._can_sign():
                await self._load_keys(record.keys)
            self.keyring.active()
        except BrokerError as error:
            self._gate.report(
                "keys",
                Hindrance(
                    str(error), f"run `broker keys init`, or bring the key to {self._key_directory}"
                ),
            )
            return
        self._gate.report("keys")

    def _can_sign(self) -> bool:
        try:
            self.keyring.active()
        except UnavailableError:
            return False
        return True

    async def _load_keys(self, published: tuple[PublicKey, ...]) -> None:
        keyring = await asyncio.to_thread(self._read_keys, published)
        self._keyring = keyring
        self._verifier = TokenVerifier(keyring, issuer=self._issuer)
        self._loaded_keys = published

    def _read_keys(self, published: tuple[PublicKey, ...]) -> Keyring:
        return Keyring(
            load_keys(self._key_directory), [dataclasses.asdict(key) for key in published]
        )


def _half_published(revision: int) -> Hindrance:
    return Hindrance(
        f"revision {revision} was announced and never published, so no decision is new enough",
        "run `broker apply` again: its last run died halfway",
    )


def _lost(former: ControlRecord | None) -> Hindrance:
    if former is None:
        return Hindrance(
            "the ledger is empty: no control record", "run `broker keys init` and `broker apply`"
        )
    return Hindrance(
        f"the ledger of epoch {former.epoch} is gone or was swapped",
        "bring it back; or end what it held, then restart the brokers to accept the new one",
    )
