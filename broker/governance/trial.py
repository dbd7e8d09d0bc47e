"""Trying policies on cases, from files, with nothing of a running broker.

Cases are those of the bundle's own ``tests.yaml`` and of any further files of the same form.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from broker.errors import ConfigurationError, InvalidRequestError
from broker.governance.base_facts import base_of
from broker.governance.checks import capability_faults, reference_faults
from broker.governance.document import BundleDocument
from broker.governance.entities import entities_of
from broker.governance.files import VECTORS, read_files
from broker.governance.places import Places
from broker.governance.selftest import answer_of, mismatches, question_of
from broker.governance.vectors import Vector, VectorsFile
from broker.governance.worlds import engine_for, in_order
from broker.model.decision import Decision
from broker.policy.cedar import CedarEngine
from broker.policy.compiled import CompiledPolicies, compile_policies
from broker.policy.explanation import PolicyFinding
from broker.settings.fault import Fault
from broker.settings.load import Reading
from broker.settings.settings import BundleFiles
from broker.settings.yaml_document import Document


@dataclass(frozen=True, slots=True)
class Case:
    """One case and where it stands."""

    file: str
    line: int
    vector: Vector


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a case. ``why`` is what is not as expected; empty when all is.

    ``decision`` is None of a question that no caller can put.
    """

    case: Case
    decision: Decision | None
    answer: str
    why: tuple[str, ...]
    findings: tuple[PolicyFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """Policies with what is registered, and cases."""

    document: BundleDocument
    compiled: CompiledPolicies
    engine: CedarEngine
    cases: tuple[Case, ...]

    def run(self) -> Iterator[Tried]:
        """Try each case."""
        capabilities = self.document.capabilities_by_name()
        facts = in_order(base_of(self.document))
        for case in self.cases:
            try:
                judge = engine_for(case.vector, self.engine, facts)
                query = question_of(case.vector, capabilities)
            except InvalidRequestError as error:
                yield Tried(case, None, "none", (f"no caller can send this: {error}",))
                continue
            decision = judge.decide(query)
            answer, _ = answer_of(decision)
            why = tuple(mismatches(case.vector, decision))
            yield Tried(case, decision, answer, why, judge.findings(query))


def read_trial(files: BundleFiles, more: Sequence[Path] = ()) -> Trial:
    """Read the bundle's files, and further files of cases.

    Raises:
        ConfigurationError: anything but the outcome of a case is wrong; it carries every fault.
    """
    reading = Reading()
    found = read_files(files, reading)
    compiled = compile_policies(found.policies, found.schema)
    reading.note(*compiled.faults)
    cases = tuple(_cases(files.policies / VECTORS, more, reading))
    if found.document is not None:
        places = Places(str(files.policies), found.documents, compiled, found.schema.file)
        for fault in (*reference_faults(found.document), *capability_faults(found.document)):
            reading.note(places.locate(fault))
    reading.finish()
    if found.document is None:
        raise ConfigurationError(f"{files.policies}: nothing could be read")
    facts = in_order(base_of(found.document))
    engine = CedarEngine(compiled, entities_of(found.document), revision=0, facts=facts)
    return Trial(found.document, compiled, engine, cases)


def _cases(own: Path, more: Sequence[Path], reading: Reading) -> Iterator[Case]:
    for path in dict.fromkeys([*([own] if own.exists() else []), *more]):
        loaded = reading.read(path, VectorsFile)
        for index, vector in enumerate(loaded.value.tests if loaded else ()):
            yield Case(str(path), _line(reading.document(path), index), vector)


def _line(document: Document, index: int) -> int:
    return document.locate(Fault(("tests", index), "", "")).line
