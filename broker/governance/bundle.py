"""The bundle: what is registered and what the policies are, checked whole.

- Only :meth:`Bundle.from_files` and :meth:`Bundle.from_bytes` make one, and both check everything,
  the policies' self-test included: a broker does not trust what it finds published.
- The same content is the same bytes and the same digest.
- Every fault of every file is reported together, with file and line.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import msgspec

from broker.clock import Clock
from broker.errors import ConfigurationError, LocatedFault
from broker.facts.facts import Facts
from broker.governance.base_facts import base_of
from broker.governance.checks import (
    capability_faults,
    name_faults,
    offline_capabilities,
    reference_faults,
)
from broker.governance.document import MAX_BYTES, BundleDocument, canonical, encode
from broker.governance.entities import entities_of
from broker.governance.files import read_files
from broker.governance.places import Places
from broker.governance.selftest import built_in_faults, vector_faults
from broker.governance.worlds import in_order
from broker.policy.cedar import CedarEngine
from broker.policy.compiled import CompiledPolicies, Source, compile_policies
from broker.settings.fault import Fault, dotted
from broker.settings.load import Reading
from broker.settings.settings import BundleFiles
from broker.settings.typed import declared_faults

PUBLISHED: Final = "published bundle"
"""What faults call a bundle that did not come from files."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that passed every check. ``digest`` is the SHA-256 of its canonical bytes."""

    document: BundleDocument
    digest: str
    raw: bytes = field(repr=False)

    @classmethod
    def from_files(cls, files: BundleFiles) -> "Bundle":
        """Read the files.

        Raises:
            ConfigurationError: something is wrong in any of them; it carries everything.
        """
        reading = Reading()
        bundle = cls.read(files, reading)
        reading.finish()
        return _made(bundle)

    @classmethod
    def read(cls, files: BundleFiles, reading: Reading) -> "Bundle | None":
        """Read the files as part of a larger reading, which takes the faults."""
        own = Reading()
        found = read_files(files, own)
        compiled = compile_policies(found.policies, found.schema)
        places = Places(str(files.policies), found.documents, compiled, found.schema.file)
        if found.document is None:  # what can be said of names is said in the same run
            own.note(*map(places.locate, name_faults(found.sections)))
            bundle = None
        else:
            bundle = _checked(found.document, places, own)
        own.note(*compiled.faults)
        reading.note(*own.faults)
        return bundle

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Bundle":
        """Read what was published.

        Raises:
            ConfigurationError: it is not the canonical text of a bundle without faults.
        """
        return _published(raw)

    def to_bytes(self) -> bytes:
        """Return the canonical text."""
        return self.raw

    def engine(self, *, revision: int, clock: Clock | None = None) -> CedarEngine:
        """Build the engine that decides by this bundle, published under this revision.

        ``clock`` judges the instants of facts; None is this machine's.
        """
        compiled = compile_policies(*_sources(self.document))
        facts = Facts(base=base_of(self.document))
        return CedarEngine(
            compiled, entities_of(self.document), revision=revision, facts=facts, clock=clock
        )

    @property
    def offline_capabilities(self) -> tuple[str, ...]:
        """Capabilities whose audience is not registered: their tokens die of age only."""
        return offline_capabilities(self.document)


@lru_cache(maxsize=2)  # several parts of a broker read the same text, and its self-test takes long
def _published(raw: bytes) -> Bundle:
    reading = Reading()
    document = _decoded(raw)
    for fault in declared_faults(document):
        reading.note(_unplaced(fault))
    compiled = compile_policies(*_sources(document))
    reading.note(*compiled.faults)
    bundle = _checked(document, Places(PUBLISHED, {}, compiled, PUBLISHED), reading)
    reading.finish()
    return _made(bundle)


def _checked(document: BundleDocument, places: Places, reading: Reading) -> Bundle | None:
    for fault in (*reference_faults(document), *capability_faults(document)):
        reading.note(places.locate(fault))
    if reading.faults or places.compiled.faults:
        return None
    for fault in _self_test_faults(document, places.compiled):
        reading.note(places.locate(fault))
    raw = encode(document)
    if len(raw) > MAX_BYTES:
        reading.note(_unplaced(Fault((), f"larger than {MAX_BYTES} bytes", "register less")))
    digest = hashlib.sha256(raw).hexdigest()
    return None if reading.faults else Bundle(canonical(document), digest, raw)


def _self_test_faults(document: BundleDocument, compiled: CompiledPolicies) -> Iterator[Fault]:
    try:
        facts = in_order(base_of(document))
        engine = CedarEngine(compiled, entities_of(document), revision=0, facts=facts)
    except ConfigurationError as error:
        yield Fault(("schema",), str(error), "begin with the schema that comes with the broker")
        return
    yield from built_in_faults(document, engine)
    yield from vector_faults(document, engine)


def _decoded(raw: bytes) -> BundleDocument:
    if len(raw) > MAX_BYTES:
        raise _refused(f"larger than {MAX_BYTES} bytes")
    try:
        document = msgspec.json.decode(raw, type=BundleDocument)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(f"not a bundle: {error}") from error
    if encode(document) != raw:
        raise _refused("not the canonical text")
    return document


def _sources(document: BundleDocument) -> tuple[tuple[Source, ...], Source]:
    policies = tuple(Source(f"{PUBLISHED}/{p.file}", p.text) for p in document.policies)
    return policies, Source(PUBLISHED, document.schema)


def _refused(message: str) -> ConfigurationError:
    return ConfigurationError(faults=(_unplaced(Fault((), message, "publish it again")),))


def _unplaced(fault: Fault) -> LocatedFault:
    return LocatedFault(PUBLISHED, 0, dotted(fault.path), fault.message, fault.remedy)


def _made(bundle: Bundle | None) -> Bundle:
    if bundle is None:
        raise ConfigurationError("the bundle could not be read")
    return bundle
