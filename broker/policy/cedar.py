"""Cedar behind the engine's port.

- It allows only on Cedar's own Allow, from named permits, with not one evaluation error: Cedar
  skips a forbid whose condition errs and would answer Allow.
- Every request fits the schema: the first one of each shape is checked in full, and the others are
  built of the same types (:data:`broker.policy.cedar_request.Shape`). Policies, schema and entities
  are parsed when the engine is made and never again (``parses`` stays the same).
- Whatever is raised while deciding, a panic in Cedar's own code included, is a Deny.
- Of the facts Cedar is shown what the query names and all that is above it, never a part of that
  (:mod:`broker.policy.views`), and never after ``until_ms``.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Final

from cedarpy import AuthzResult, Entities, PolicySet, Schema, is_authorized
from cedarpy import Decision as Answer
from msgspec.structs import replace

from broker.clock import Clock, SystemClock
from broker.errors import ConfigurationError
from broker.facts.facts import Facts
from broker.model.decision import Decision, Deny, NeedsApproval, Permit, Trace, retraced
from broker.policy.around import TOOL, Around, Known, Spoken, known_of
from broker.policy.built_in import Refusal
from broker.policy.cedar_request import CedarRequest, Shape, UnfitFactError, cedar_request
from broker.policy.compiled import CompiledPolicies
from broker.policy.engine import OF_POLICY, DenyReason, Shown
from broker.policy.entity import Entity, EntityName
from broker.policy.explain import MAX_LINES, explanation_of, missing_lines
from broker.policy.explanation import Explanation, PolicyFinding, shortened
from broker.policy.handles import Handles
from broker.policy.hours import Hours, earlier
from broker.policy.memory import Memory
from broker.policy.named import named_in
from broker.policy.parsed import EntitySet, Parsed
from broker.policy.probes import Condition, Probes
from broker.policy.query import Action, Query
from broker.policy.relevance import Relevance
from broker.policy.terms import good_ms, narrowest, requirements
from broker.policy.things import Things
from broker.policy.views import View, Views
from broker.policy.vocabulary import Vocabulary

Authorize = Callable[[dict[str, object], PolicySet, Entities, Schema | None], AuthzResult]


class CedarEngine:
    """One set of policies over one bundle and one revision of the facts.

    Immutable: a new bundle makes a new engine, and so does :meth:`over`, cheaply. Without facts it
    knows the registered ``entities`` only, and refuses nobody before policy.
    """

    def __init__(
        self,
        policies: CompiledPolicies,
        entities: Sequence[Entity],
        *,
        revision: int,
        facts: Facts | None = None,
        clock: Clock | None = None,
        authorize: Authorize = is_authorized,
    ) -> None:
        if policies.faults or policies.schema is None:
            raise ConfigurationError(faults=policies.faults)
        handles = policies.handles
        self._handles = handles
        self._schema = policies.schema
        self._policies = handles.policy_set([policy.template for policy in policies.policies])
        vocabulary = Vocabulary(policies.schema)
        self._clock = clock or SystemClock()
        self._views = _views(handles, policies.schema, Things(vocabulary, entities), facts)
        self._probes = Probes(policies.policies, handles)
        self._terms = {policy.name: policy.terms for policy in policies.policies}
        self._relevance = Relevance(policy.template for policy in policies.policies)
        seen = self._relevance.names
        self._known = {
            action: known_of(vocabulary, action.value).seen_by(seen) for action in Action
        }
        self._memory = Memory(self._relevance)
        self.templates = tuple(policy.template for policy in policies.policies)
        self._hours = Hours(policy.template for policy in policies.policies)
        self._fitting: set[Shape] = set()
        self._texts = {entity.name: str(entity.name) for entity in entities}
        self._groups = {entity.name: tuple(map(str, entity.parents)) for entity in entities}
        self._blank = Trace(policies.digest, revision, graph_revision=self._views.revision)
        self._authorize = authorize

    def over(self, facts: Facts) -> "CedarEngine":
        """Return the same policies and bundle over other facts; what was parsed is shared.

        ``facts`` lie over the same bundle.
        """
        blank = replace(self._blank, graph_revision=facts.revision)
        return self._with(_views=self._views.over(facts), _blank=blank)

    def at(self, clock: Clock) -> "CedarEngine":
        """Return the same engine by another clock."""
        return self._with(_views=self._views.anew(), _clock=clock)

    def apart(self) -> "CedarEngine":
        """Return the same engine with a memory of its own, for questions that nobody asks again."""
        return self._with(_memory=Memory(self._relevance), _views=self._views.anew())

    def _with(self, **parts: object) -> "CedarEngine":
        other = copy(self)
        vars(other).update(parts)
        return other

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
            now_ms = self._clock.now_ms()
            view = self._views.of(named_in(query), now_ms)
            refusal = self._views.refusal(view, query)
            if refusal is not None:
                return self._refused(refusal)
            request = self._request(query, view, now_ms, self._relevance.names)
            decision = self._memory.answer(
                (request.principal, request.action, request.resource, view.shown.serial),
                request.context,
                lambda: self._judge(request, view, self._ask(view.shown, request, self._policies)),
            )
            return self._dated(decision, view, query.action, now_ms)
        except (KeyboardInterrupt, SystemExit):
            raise
        # A panic in Cedar's own code is no Exception but a BaseException; it, too, means no.
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is no permission
            what = shortened(f"{type(error).__name__}: {error}")
            return Deny(DenyReason.ENGINE_ERROR, replace(self._blank, errors=(what,)))

    def shown(self, query: Query) -> Shown:
        """Return what is known of those whom a query names, for an engine elsewhere.

        Raises:
            UnfitFactError: it is more than can be shown.
        """
        now_ms, named = self._clock.now_ms(), named_in(query)
        view = self._views.of(named, now_ms)
        if view.fault:
            raise UnfitFactError(view.fault)
        found = self._views.refusal(view, query)
        refusal = None if found is None else self._refused(found)
        entities = self._views.entities(named, now_ms) if refusal is None else ()
        blank = self._blank
        return Shown(entities, blank.facts_revision, blank.graph_revision, view.until_ms, refusal)

    def explain(self, query: Query) -> Explanation:
        """Say why a query is answered as it is, policy by policy and condition by condition."""
        decision = self.decide(query)
        if isinstance(decision, Deny) and decision.reason not in OF_POLICY:
            return explanation_of(decision, ())
        return explanation_of(decision, self.findings(query))

    def findings(self, query: Query) -> tuple[PolicyFinding, ...]:
        """Tell of each policy whose scope fits the query how its conditions fare, one and all.

        Raises:
            UnfitFactError: a value is not of the type that its place has, or more is known of it
                than can be shown.
        """
        now_ms = self._clock.now_ms()
        view = self._views.of(named_in(query), now_ms)
        return self._findings(self._request(query, view, now_ms, None), view.shown)

    @property
    def conditions(self) -> Mapping[str, tuple[Condition, ...]]:
        """The conditions of every policy, in the order in which findings have them."""
        return self._probes.conditions

    def _request(
        self, query: Query, view: View, now_ms: int, names: Collection[str] | None
    ) -> CedarRequest:
        if view.fault:
            raise UnfitFactError(view.fault)
        known = self._known.get(query.action, _NOTHING_KNOWN)
        tool = None if query.tool is None else Spoken(query.tool, view.tool)
        if tool is not None and TOOL not in known.names:
            raise UnfitFactError("the schema knows no tools, so policies cannot see this one")
        around = Around(known, view.tickets, view.behalf, now_ms, tool)
        return cedar_request(query, names, around)

    def _ask(self, shown: EntitySet, request: CedarRequest, policies: PolicySet) -> AuthzResult:
        if request.shape in self._fitting:
            # What no policy mentions is not shown: most of the price of an evaluation is to read
            # the context and to check it against the schema.
            seen = request.showing(self._relevance.cut(request.context))
            return self._authorize(seen, policies, shown.entities, None)
        result = self._authorize(request.to_json(), policies, shown.entities, self._schema)
        if result.decision is Answer.Allow or result.decision is Answer.Deny:
            self._fitting.add(request.shape)
        return result

    def _findings(self, request: CedarRequest, shown: EntitySet) -> tuple[PolicyFinding, ...]:
        return self._probes.findings(partial(self._ask, shown, request))

    def _refused(self, refusal: Refusal) -> Deny:
        missing = (shortened(refusal.why),)
        return Deny(refusal.reason, replace(self._blank, missing=missing))

    def _dated(self, decision: Decision, view: View, action: Action, now_ms: int) -> Decision:
        """Say of an answer, remembered or not, by which facts it stands and until when."""
        until_ms = earlier(view.until_ms, self._hours.until(action, now_ms))
        trace, graph = decision.trace, self._blank.graph_revision
        if trace.until_ms == until_ms and trace.graph_revision == graph:
            return decision
        return retraced(decision, replace(trace, until_ms=until_ms, graph_revision=graph))

    def _judge(self, request: CedarRequest, view: View, result: AuthzResult) -> Decision:
        names = tuple(sorted(result.diagnostics.reasons))
        errors = tuple(map(shortened, result.diagnostics.errors[:MAX_LINES]))
        facts = (*self._facts(request, view.stranger), *view.facts)
        trace = replace(self._blank, policies=names, facts=facts, errors=errors)
        refusal = _refusal(result.decision, names, errors)
        if refusal is None:
            return self._permitted(names, trace)
        if refusal in {DenyReason.NO_PERMIT, DenyReason.EVALUATION_ERROR}:
            missing = missing_lines(request, self._findings(request, view.shown))
            trace = replace(trace, missing=missing)
        return Deny(refusal, trace)

    def _permitted(self, names: tuple[str, ...], trace: Trace) -> Decision:
        terms = tuple(self._terms[name] for name in names)
        obliged = narrowest(terms)
        if asked := requirements(terms):
            return NeedsApproval(asked, trace, obliged, good_ms(terms))
        return Permit(obliged, trace)

    def _facts(self, request: CedarRequest, stranger: EntityName | None) -> tuple[str, ...]:
        shown = (request.principal, request.resource)
        known = [name for name in shown if name in self._texts and name != stranger]
        groups = [group for name in known for group in self._groups[name]]
        return tuple(dict.fromkeys([*(self._texts[name] for name in known), *groups]))


_NOTHING_KNOWN: Final = Known()


def _views(handles: Handles, schema: Schema, things: Things, facts: Facts | None) -> Views:
    try:
        base = handles.entities(tuple(things.base.values()), schema)
    except ValueError as error:
        raise ConfigurationError(f"the registered do not fit the schema: {error}") from error
    return Views(things, base, Parsed(handles, schema), facts)


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
