"""From policy files to checked policies, or to every fault in them."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cedarpy import Schema, pst

from broker.errors import LocatedFault
from broker.policy.handles import Handles
from broker.policy.statements import Statement, mark_count, statements
from broker.policy.terms import Terms, term_faults, terms_of

MAX_SCHEMA_MARKS: Final = 4_000
"""A schema is wide, not deep; still its parser recurses as that of policies does."""

MAX_SCHEMA_DEPTH: Final = 32
"""Brackets within brackets."""

_POSITIONAL: Final = re.compile(r"^for policy `[^`]*`, ")


@dataclass(frozen=True, slots=True)
class Source:
    """A text and the file it came from."""

    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Policy:
    """One checked policy: its tree, called by its ``@id``, and what its permit is bound to."""

    template: pst.Template
    terms: Terms
    file: str
    line: int

    @property
    def name(self) -> str:
        """The ``@id``."""
        return self.template.id


@dataclass(frozen=True, slots=True)
class CompiledPolicies:
    """A schema and the policies that it accepts, or what is wrong with them (``faults``).

    ``schema`` is None when it is unreadable. ``digest`` is the SHA-256 of all texts.
    """

    schema: Schema | None
    policies: tuple[Policy, ...]
    digest: str
    faults: tuple[LocatedFault, ...]
    handles: Handles = field(repr=False)


def compile_policies(policies: tuple[Source, ...], schema: Source) -> CompiledPolicies:
    """Parse and check everything; what is wrong comes back in ``faults``, never as an exception."""
    return _Compiler(Handles()).compile(policies, schema)


class _Compiler:
    def __init__(self, handles: Handles) -> None:
        self._handles = handles
        self._faults: list[LocatedFault] = []
        self._by_name: dict[str, Policy] = {}

    def compile(self, sources: tuple[Source, ...], schema_source: Source) -> CompiledPolicies:
        schema = self._schema(schema_source)
        for source in sources:
            for statement in statements(source.text):
                self._statement(source.file, statement, schema)
        if not any(policy.template.effect == "permit" for policy in self._by_name.values()):
            self._note(schema_source.file, 0, "", "no permit anywhere", "write one: absence denies")
        policies = tuple(self._by_name.values())
        digest = _digest(sources, schema_source)
        return CompiledPolicies(schema, policies, digest, tuple(self._faults), self._handles)

    def _schema(self, source: Source) -> Schema | None:
        if _depth(source.text) > MAX_SCHEMA_DEPTH or mark_count(source.text) > MAX_SCHEMA_MARKS:
            self._note(source.file, 0, "", "nested too deeply", "write a flatter schema")
            return None
        try:
            return self._handles.schema(source.text)
        except ValueError as error:
            self._note(source.file, 0, "", f"not a Cedar schema: {error}", "mend it")
            return None

    def _statement(self, file: str, statement: Statement, schema: Schema | None) -> None:
        if statement.is_too_complex:
            self._note(file, statement.line, "", "too complex", "divide it into several policies")
            return
        try:
            nodes = self._handles.nodes(statement.text)
        except ValueError as error:
            self._note(file, statement.line, "", f"not a Cedar policy: {error}", "mend it")
            return
        for _ in nodes.templates:
            self._note(file, statement.line, "", "a template", "write a policy without ?slots")
        for template in nodes.static_policies.values():
            self._policy(file, statement, template)
        if schema is not None:
            self._validate(file, statement, schema)

    def _policy(self, file: str, statement: Statement, template: pst.Template) -> None:
        name = template.annotations.get("id", "")
        faults = list(term_faults(template.annotations, template.effect))
        if name in self._by_name:
            first = self._by_name[name]
            faults.append((f"the name is taken by {first.file}:{first.line}", "choose another"))
        for message, remedy in faults:
            self._note(file, statement.line, name, message, remedy)
        if not faults:
            named = dataclasses.replace(template, id=name)
            terms = terms_of(template.annotations)
            self._by_name[name] = Policy(named, terms, file, statement.line)

    def _validate(self, file: str, statement: Statement, schema: Schema) -> None:
        result = self._handles.validation(statement.text, schema)
        names = result.id_annotations_by_policy_id
        for error in result.errors:
            message = _POSITIONAL.sub("", error.error)
            self._note(file, statement.line, names.get(error.policy_id, ""), message, _FITTING)
        if not result.errors and not result.validation_passed:
            self._note(file, statement.line, "", "does not fit the schema", _FITTING)

    def _note(self, file: str, line: int, key: str, message: str, remedy: str) -> None:
        self._faults.append(LocatedFault(file, line, key, message, remedy))


_FITTING: Final = "say what the schema knows, and ask for optional facts with `has` first"


def _depth(text: str) -> int:
    return max(_depths(text), default=0)


def _depths(text: str) -> Iterator[int]:
    depth = 0
    for character in text:
        depth += (character in "{[(<") - (character in "}])>")
        yield depth


def _digest(policies: tuple[Source, ...], schema: Source) -> str:
    """Hash what decides, in its order; where the files lie does not count."""
    texts = [schema.text, *(source.text for source in policies)]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
