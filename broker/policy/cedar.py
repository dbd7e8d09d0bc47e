"""Cedar behind the engine's port.

- It allows only on Cedar's own Allow, from named permits, with not one evaluation error: Cedar
  skips a forbid whose condition errs and would answer Allow.
- Every request fits the schema: the first one of each shape is checked in full, and the others are
  built of the same types (:data:`broker.policy.cedar_request.Shape`). Policies, schema and entities
  are parsed when the engine is made and never again (``parses`` stays the same).
- Whatever is raised while deciding, a panic in Cedar's own code included, is a Deny.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from cedarpy import AuthzResult, Entities, PolicySet, Schema, is_authorized
from cedarpy import Decision as Answer
from msgspec.structs import replace

from broker.errors import ConfigurationError
from broker.model.decision import Decision, Deny, NeedsApproval, Permit, Trace
from broker.policy.cedar_request import CedarRequest, Shape, cedar_request
from broker.policy.compiled import CompiledPolicies
from broker.policy.engine import DenyReason, Shown
from broker.policy.entity import Entity, EntityName
from broker.policy.explain import MAX_LINES, explanation_of, missing_lines
from broker.policy.explanation import Explanation, PolicyFinding, shortened
from broker.policy.handles import Handles
from broker.policy.memory import Memory
from broker.policy.probes import Condition, Probes
from broker.policy.query import Query
from broker.policy.relevance import Relevance
from broker.policy.shown import with_all_above
from broker.policy.terms import approvers, narrowest

Authorize = Callable[[dict[str, object], PolicySet, Entities, Schema | None], AuthzResult]


class CedarEngine:
    """One set of policies over one set of facts. Immutable: a new bundle makes a new engine."""

    def __init__(
        self,
        policies: CompiledPolicies,
        entities: Sequence[Entity],
        *,
        revision: int,
        authorize: Authorize = is_authorized,
    ) -> None:
        if policies.faults or policies.schema is None:
            raise ConfigurationError(faults=policies.faults)
        handles = policies.handles
        self._handles = handles
        self._schema = policies.schema
        self._policies = handles.policy_set([policy.template for policy in policies.policies])
        self._entities = _entities(handles, entities, policies.schema)
        self._probes = Probes(policies.policies, handles)
        self._terms = {policy.name: policy.terms for policy in policies.policies}
        self._relevance = Relevance(policy.template for policy in policies.policies)
        self._memory = Memory(self._relevance)
        self._fitting: set[Shape] = set()
        self._by_name = {entity.name: entity for entity in entities}
        self._texts = {entity.name: str(entity.name) for entity in entities}
        self._groups = {entity.name: tuple(map(str, entity.parents)) for entity in entities}
        self._blank = Trace(policies.digest, revision)
        self._authorize = authorize

    @property
    def version(self) -> str:
        """The SHA-256 of policies and schema, in hexadecimal."""
        return self._blank.policy_version

    @property
    def parses(self) -> int:
        """How often Cedar was made to parse something for this engine."""
        return self._handles.parses

    def decide(self, query: Query) -> Decision:
        """Answer one query. Never raises."""
        try:
            request = cedar_request(query, self._relevance.names)
            return self._memory.answer(
                (request.principal, request.action, request.resource),
                request.context,
                lambda: self._judge(request, self._ask(request, self._policies)),
            )
        except (KeyboardInterrupt, SystemExit):
            raise
        # A panic in Cedar's own code is no Exception but a BaseException; it, too, means no.
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is no permission
            what = shortened(f"{type(error).__name__}: {error}")
            return Deny(DenyReason.ENGINE_ERROR, replace(self._blank, errors=(what,)))

    def shown(self, query: Query) -> Shown:
        """Return principal, resource, the task's agent, and the groups that they are in."""
        request = cedar_request(query, ())
        names = (request.principal, request.resource, EntityName("Agent", query.task.agent))
        return Shown(with_all_above(names, self._by_name), self._blank.facts_revision)

    def explain(self, query: Query) -> Explanation:
        """Say why a query is answered as it is, policy by policy and condition by condition."""
        decision = self.decide(query)
        if isinstance(decision, Deny) and decision.reason == DenyReason.ENGINE_ERROR:
            return explanation_of(decision, ())
        return explanation_of(decision, self._findings(cedar_request(query)))

    def findings(self, query: Query) -> tuple[PolicyFinding, ...]:
        """Tell of each policy whose scope fits the query how its conditions fare, one and all.

        Raises:
            UnfitFactError: a value is not of the type that its place has.
        """
        return self._findings(cedar_request(query))

    @property
    def conditions(self) -> Mapping[str, tuple[Condition, ...]]:
        """The conditions of every policy, in the order in which findings have them."""
        return self._probes.conditions

    def _ask(self, request: CedarRequest, policies: PolicySet) -> AuthzResult:
        if request.shape in self._fitting:
            # What no policy mentions is not shown: most of the price of an evaluation is to read
            # the context and to check it against the schema.
            seen = request.showing(self._relevance.cut(request.context))
            return self._authorize(seen, policies, self._entities, None)
        result = self._authorize(request.to_json(), policies, self._entities, self._schema)
        if result.decision is Answer.Allow or result.decision is Answer.Deny:
            self._fitting.add(request.shape)
        return result

    def _findings(self, request: CedarRequest) -> tuple[PolicyFinding, ...]:
        return self._probes.findings(partial(self._ask, request))

    def _judge(self, request: CedarRequest, result: AuthzResult) -> Decision:
        names = tuple(sorted(result.diagnostics.reasons))
        errors = tuple(map(shortened, result.diagnostics.errors[:MAX_LINES]))
        trace = Trace(self.version, self._blank.facts_revision, names, self._facts(request), errors)
        refusal = _refusal(result.decision, names, errors)
        if refusal is None:
            return self._permitted(names, trace)
        if refusal in {DenyReason.NO_PERMIT, DenyReason.EVALUATION_ERROR}:
            missing = missing_lines(request, self._findings(request))
            trace = replace(trace, missing=missing)
        return Deny(refusal, trace)

    def _permitted(self, names: tuple[str, ...], trace: Trace) -> Decision:
        terms = tuple(self._terms[name] for name in names)
        if groups := approvers(terms):
            return NeedsApproval(groups, trace)
        return Permit(narrowest(terms), trace)

    def _facts(self, request: CedarRequest) -> tuple[str, ...]:
        shown = (request.principal, request.resource)
        known = [name for name in shown if name in self._texts]
        groups = [group for name in known for group in self._groups[name]]
        return tuple(dict.fromkeys([*(self._texts[name] for name in known), *groups]))


def _entities(handles: Handles, entities: Sequence[Entity], schema: Schema) -> Entities:
    try:
        return handles.entities(entities, schema)
    except ValueError as error:
        raise ConfigurationError(f"the registered do not fit the schema: {error}") from error


def _refusal(
    answer: object, policies: tuple[str, ...], errors: tuple[str, ...]
) -> DenyReason | None:
    if answer is not Answer.Allow and answer is not Answer.Deny:
        return DenyReason.ENGINE_ERROR
    if errors:
        return DenyReason.EVALUATION_ERROR
    if answer is Answer.Deny:
        return DenyReason.FORBIDDEN if policies else DenyReason.NO_PERMIT
    return None if policies else DenyReason.ENGINE_ERROR
