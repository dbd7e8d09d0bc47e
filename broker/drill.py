"""A rehearsal: a whole rotation on the running system, checked at every step.

It signs two tokens of its own, before and after, for an audience that nobody is, and verifies them
as a resource server does: by the key sets that brokers serve, and nothing else.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp
import msgspec

from broker import strict_json
from broker.client.jose import split
from broker.client.jwks import MAX_SET_BYTES
from broker.client.keys import parse_key_set
from broker.errors import InvalidRequestError
from broker.installation import Installation
from broker.key_state import key_set_digest
from broker.rotation import POLL_S, KeyView, Rotation, Waiting
from broker.rotation_plan import Step
from broker.secret import Secret
from broker.signing.key import SigningKey
from broker.signing.key_files import load_keys
from broker.signing.keyring import Keyring
from broker.store.control_record import ControlRecord

AUDIENCE: Final = "urn:jit-broker:key-drill"
"""Nobody's: a token of a drill opens nothing."""

PATIENCE_S: Final = 30.0
"""How long brokers may take to serve what is published."""

FETCH_S: Final = 5.0

MOMENTS: Final = ("before", "announce", "promote", "retire")
"""When is looked, in this order; ``announce`` is passed over where a next key is shown already."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What was served after a step.

    ``keys`` are (name, state); ``verifies`` says of each token's key whether everybody verifies it;
    ``fault`` what is not as it must be.
    """

    step: str
    manifest: int
    keys: tuple[tuple[str, str], ...]
    served_by: tuple[str, ...]
    verifies: tuple[tuple[str, bool], ...]
    fault: str = ""


class Drill:
    """One rehearsal. ``brokers`` are URLs whose key sets are fetched, too."""

    def __init__(
        self,
        installation: Installation,
        rotation: Rotation,
        brokers: Sequence[str],
        tell: Callable[[Moment], None],
        waiting: Waiting,
    ) -> None:
        self._settings = installation.settings
        self._rotation = rotation
        self._brokers = brokers
        self._tell = tell
        self._waiting = waiting
        self._tokens: dict[str, Secret] = {}

    async def run(self) -> bool:
        """Rotate once, from the state that is found; tell every moment, stop at the first fault.

        Raises:
            ConfigurationError: the private half of the active key is not here.
        """
        view = await self._rotation.view()
        former = await self._sign(view.record)
        if not await self._check("before", {former: True}):
            return False
        if view.record.key("next") is None:
            await self._rotation.rotate(Step.ANNOUNCE, waiting=self._waiting)
            if not await self._check("announce", {former: True}):
                return False
        record = await self._rotation.rotate(Step.PROMOTE, waiting=self._waiting)
        active = await self._sign(record)
        if not await self._check("promote", {former: True, active: True}):
            return False
        while any(key.kid == former for key in record.keys):
            record = await self._rotation.rotate(Step.RETIRE, waiting=self._waiting)
        return await self._check("retire", {former: False, active: True})

    async def _sign(self, record: ControlRecord) -> str:
        """Sign a token by the active key, as brokers do; return the key's name."""
        published = [msgspec.to_builtins(key) for key in record.keys]
        halves = await asyncio.to_thread(
            load_keys, self._settings.keys.directory, {key.kid for key in record.keys}
        )
        key: SigningKey = Keyring(halves, published).active()
        claims = {"iss": self._settings.issuer, "aud": AUDIENCE, "iat": record.now_ms // 1000}
        self._tokens[key.kid] = key.sign({**claims, "exp": record.now_ms // 1000})
        return key.kid

    async def _check(self, step: str, expected: dict[str, bool]) -> bool:
        view = await self._served()
        sets = await self._fetched()
        want = _keyring(view.record)
        verdicts = {
            kid: all(_verifies(self._tokens[kid], each) for each in [want.jwks(), *sets.values()])
            for kid in expected
        }
        moment = Moment(
            step,
            view.record.manifest,
            tuple((key.kid, key.state) for key in view.record.keys),
            (*(replica.serving.name for replica in view.living), *sets),
            tuple(verdicts.items()),
            self._fault(view, want, sets) or _difference(verdicts, expected),
        )
        self._tell(moment)
        return not moment.fault

    async def _served(self) -> KeyView:
        """Wait until every living broker serves what is published; or no longer."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            view = await self._rotation.view()
            is_late = asyncio.get_running_loop().time() > deadline
            if is_late or all(
                replica.serving.manifest == view.record.manifest for replica in view.living
            ):
                return view
            await asyncio.sleep(POLL_S)

    def _fault(self, view: KeyView, want: Keyring, sets: dict[str, object]) -> str:
        digest = key_set_digest(want)
        if not view.living and not sets:
            return "no broker is running"
        for replica in view.living:
            if (replica.serving.manifest, replica.serving.key_set) != (want.number, digest):
                return f"{replica.serving.name} serves something else than what is published"
        for url, document in sets.items():
            if document != want.jwks():
                return f"{url} serves something else than what is published"
        return ""

    async def _fetched(self) -> dict[str, object]:
        timeout = aiohttp.ClientTimeout(total=FETCH_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            return {url: await _fetch(session, url) for url in self._brokers}


async def _fetch(session: aiohttp.ClientSession, url: str) -> object:
    try:
        address = f"{url.rstrip('/')}/.well-known/jwks.json"
        async with session.get(address, allow_redirects=False) as answer:
            body = await answer.content.read(MAX_SET_BYTES)
        return strict_json.loads(body, max_bytes=MAX_SET_BYTES)
    except (aiohttp.ClientError, TimeoutError, ValueError, InvalidRequestError) as error:
        return f"{type(error).__name__}"


def _keyring(record: ControlRecord) -> Keyring:
    return Keyring((), [msgspec.to_builtins(key) for key in record.keys], number=record.manifest)


def _verifies(token: Secret, document: object) -> bool:
    unverified = split(token.reveal())
    try:
        key = parse_key_set(document).get(unverified.header.kid)
    except ValueError:
        return False
    return key is not None and key.verifies(unverified.signing_input, unverified.signature)


def _difference(verdicts: dict[str, bool], expected: dict[str, bool]) -> str:
    wrong = [kid for kid, holds in expected.items() if verdicts[kid] != holds]
    if not wrong:
        return ""
    word = "does not verify" if expected[wrong[0]] else "still verifies"
    return f"a token of {wrong[0]} {word}"
