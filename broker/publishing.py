"""What an operator does to an installation as a whole: publish a revision, make and rotate keys.

Files are input: they are validated and self-tested here; what brokers run is what was published.
"""

from pathlib import Path

from broker.errors import ConfigurationError
from broker.governance.bundle import Bundle
from broker.settings.settings import Settings
from broker.signing.key_files import generate, has_keys
from broker.store.connect import connect
from broker.store.control import ControlRecord, ControlStore, PublicKey
from broker.store.feed_log import FeedLog
from broker.store.ledger import Ledger
from broker.store.limits import Limits
from broker.store.link import Link


async def publish(settings: Settings, *, by: str) -> ControlRecord:
    """Validate the files, run their self-test, and publish them as the next revision.

    Raises:
        ConfigurationError: something is wrong with the files, or with the ledger; nothing changed.
        StoreUnavailableError: the ledger does not answer.
    """
    bundle = Bundle.from_files(settings.bundle)
    link = await connect(settings.store)
    try:
        return await _control(settings, link).publish(bundle.to_bytes().decode(), bundle.digest, by)
    finally:
        await link.close()


async def init_keys(settings: Settings, *, alg: str) -> ControlRecord:
    """Make the first signing key and publish its public half as the active one.

    With no key in the directory this is a new installation, and its feed knows that nobody listens
    yet (``docs/adr/0011``).

    Raises:
        ConfigurationError: keys are published already; rotate them instead.
    """
    link = await connect(settings.store)
    try:
        control = _control(settings, link)
        record = await control.create()
        if record.keys:
            raise ConfigurationError(
                "signing keys are published already: run `broker keys rotate` for a new one"
            )
        if not has_keys(settings.keys.directory):
            await FeedLog(link, settings.store.namespace).found()
        return await control.put_keys(record, (_made(settings.keys.directory, alg, "active"),))
    finally:
        await link.close()


async def rotate_keys(settings: Settings, *, alg: str) -> ControlRecord:
    """Take one step of a rotation and publish it.

    With no key waiting, a ``next`` one is made, so that every verifier knows it before it signs;
    with one waiting, it becomes ``active`` and the former ``retiring``; what was retiring before
    is dropped.

    Raises:
        ConfigurationError: no key is published yet.
    """
    link = await connect(settings.store)
    try:
        control = _control(settings, link)
        record = await control.create()
        if not record.keys:
            raise ConfigurationError("no signing key is published: run `broker keys init`")
        return await control.put_keys(record, _stepped(record.keys, settings.keys.directory, alg))
    finally:
        await link.close()


def _stepped(keys: tuple[PublicKey, ...], directory: Path, alg: str) -> tuple[PublicKey, ...]:
    if not any(key.state == "next" for key in keys):
        return (*keys, _made(directory, alg, "next"))
    following = {"next": "active", "active": "retiring"}
    return tuple(
        PublicKey(key.kid, key.alg, following[key.state], key.jwk)
        for key in keys
        if key.state in following
    )


def _made(directory: Path, alg: str, state: str) -> PublicKey:
    directory.parent.mkdir(parents=True, exist_ok=True)
    key = generate(directory, alg)
    return PublicKey(key.kid, key.alg, state, dict(key.jwk))


def _control(settings: Settings, link: Link) -> ControlStore:
    store = settings.store
    return Ledger.over(
        link, namespace=store.namespace, buckets=store.buckets, limits=Limits()
    ).control
