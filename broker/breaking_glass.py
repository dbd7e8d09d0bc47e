"""Breaking glass: a person asks for one declared capability for a task of an agent in an emergency.

    ask ─ policy: may this person? ─ (others agree, to the digest) ─ a review is owed ─ alarm ─ open

- The review is owed from before the alarm on, and the alarm has arrived before anything opens;
  where the capability says that it opens all the same, that is what is recorded and shown.
- Whoever dies in between leaves nothing open; the same request again goes on from there.
- What others agree to is a digest over every byte of it, of the capability and the policies.
"""

from collections.abc import Callable, Mapping

import msgspec

from broker.clock import Clock
from broker.errors import (
    AlarmFailedError,
    GlassStateError,
    InvalidRequestError,
    NotFoundError,
    ReviewOwedError,
)
from broker.faultpoints import FaultPoints
from broker.glass_rules import (
    missing,
    require_person,
    require_same,
    require_standing,
    require_visible,
    require_voice,
    require_within,
    rule_of,
    template_of,
)
from broker.governance.published import Published
from broker.idempotency import repeatable
from broker.ids import BreakGlassId, IdFactory, TaskId
from broker.judgement import Judgement
from broker.model.alarm import AlarmPort
from broker.model.approval import Requirement
from broker.model.break_glass import Glass, GlassSpec, GlassState
from broker.model.decision import Decision, Deny, NeedsApproval, Permit
from broker.model.principal import Principal
from broker.model.task import TaskSpec
from broker.policy.query import Action, Query, TaskFacts
from broker.store.glass_ledger import GlassLedger, Known
from broker.store.task_tree import TaskTree


class AskGlass(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks for. ``ttl_ms`` 0: as long as the capability says at most."""

    task: TaskId
    capability: str
    scopes: frozenset[str]
    ttl_ms: int
    reason: str
    incident: str


class BreakingGlass:
    """Asks, agrees, opens. ``told`` is called with the id whose bucket has news."""

    def __init__(
        self,
        *,
        tree: TaskTree,
        glass: GlassLedger,
        judgement: Judgement,
        alarm: AlarmPort,
        ids: IdFactory,
        clock: Clock,
        faults: FaultPoints,
        told: Callable[[BreakGlassId], None],
    ) -> None:
        self._tree = tree
        self._glass = glass
        self._judgement = judgement
        self._alarm = alarm
        self._ids = ids
        self._clock = clock
        self._faults = faults
        self._told = told

    async def ask(self, caller: Principal, request: AskGlass, idempotency_key: str) -> Glass:
        """Ask for it; where policy lets one person do it alone, open it.

        Raises:
            AccessDeniedError: no person, or policy refuses, or somebody is held.
            ReviewOwedError: a former one of this person was not looked at in time.
            InvalidRequestError: not declared for emergencies, or wider or longer than that.
            NotFoundError: no such task.
            TaskClosedError: it has ended, is frozen or cut off.
            AlarmFailedError: nobody could be told.
            UnavailableError: revoke-only at the moment.
        """
        require_person(caller)
        same = repeatable(caller, "break-glass", idempotency_key, request)

        async def attempt(published: Published, known: Principal) -> Glass:
            spec = await self._asked(published, known, request)
            seen = (published.revision, published.graph)
            glass = await self._glass.ask(spec, seen, key=same.key, digest=same.digest)
            self._faults.reach("glass.asked")
            self._told(glass)
            return await self._go_on(published, await self._glass.find(glass))

        return await self._judgement.on_fresh_facts(caller, attempt)

    async def confirm(self, caller: Principal, glass: BreakGlassId, digest: str) -> Glass:
        """Agree to exactly this; when enough have, open it. Again: go on where it stands.

        Raises:
            NotFoundError: there is none in a tenant of this person's.
            AccessDeniedError: this person may not agree to it, or somebody is held by now.
            GlassStateError: it is not asked any more, or is another thing than the digest says.
            AlarmFailedError, TaskClosedError, UnavailableError: as for :meth:`ask`.
        """
        require_person(caller)

        async def attempt(published: Published, known: Principal) -> Glass:
            found = await self._glass.find(glass)
            require_visible(known, found)
            spec = found.spec
            require_same(published, spec)
            require_voice(published, spec, known.name, self._clock.now_ms())
            await self._require_no_debt(spec.tenant, known.name)
            seen = (published.revision, published.graph)
            await self._glass.agree(spec, seen, digest, known.name)
            self._faults.reach("glass.agreed")
            self._told(glass)
            return await self._go_on(published, await self._glass.find(glass))

        return await self._judgement.on_fresh_facts(caller, attempt)

    async def _asked(self, published: Published, known: Principal, request: AskGlass) -> GlassSpec:
        found = await self._tree.bound(request.task)
        if found is None or not known.answers_for(found[0].tenant):
            raise NotFoundError("no such task")
        task, instance = found
        if task.lender is not None:
            what = "a person lends her right to it, and no emergency overrides her word"
            raise InvalidRequestError(what, field="task")
        if not instance:
            raise InvalidRequestError("no instance has claimed the task yet", field="task")
        capability, rule = rule_of(published, request.capability, task.tenant)
        ttl_ms = request.ttl_ms or rule.max_ttl_ms
        require_within(task, capability, rule, request.scopes, ttl_ms)
        await self._require_no_debt(task.tenant, known.name)
        query = Query(
            action=Action.BREAK_GLASS,
            principal=known,
            task=TaskFacts.of(task),
            capability=capability,
            ceiling=task.ceiling,
            scopes=request.scopes,
            ttl_ms=ttl_ms,
            labels={"incident": request.incident, "reason": request.reason},
        )
        decision = await published.decider.decide(query)
        requirements = await self._agreement(query, decision)
        left, longest_ms = _narrowed(decision, request.scopes, ttl_ms)
        if not left:
            raise await self._judgement.refusal(query, "nothing-left", decision.trace)
        given = {
            "capability": capability.name,
            "template": template_of(capability),
            "scopes": tuple(sorted(left)),
            "ttl_ms": min(longest_ms, published.longest_ms(capability, None)),
            "reason": request.reason,
            "incident": request.incident,
            "opener": known.name,
            "opener_issuer": known.issuer,
            "policy_version": published.decider.version,
            "requirements": requirements,
            "needs_alarm": rule.needs_alarm,
            "review_ms": rule.review_ms,
        }
        return _spec(self._ids.break_glass(task.id), task, instance, given)

    async def _agreement(self, query: Query, decision: Decision) -> tuple[Requirement, ...]:
        """Return what others have to agree.

        Raises:
            AccessDeniedError: policy refuses, or says neither who agrees nor that nobody has to.
        """
        match decision:
            case NeedsApproval(requirements):
                return requirements
            case Permit(obligations) if obligations.alone:
                return ()
            case Permit(_, trace):
                raise await self._judgement.refusal(query, "no-second-person", trace)
            case Deny(reason, trace):
                raise await self._judgement.refusal(query, str(reason), trace)

    async def _require_no_debt(self, tenant: str, person: str) -> None:
        for each in await self._glass.owed():
            if each.spec.tenant == tenant and each.is_overdue and person in each.parties:
                raise ReviewOwedError(f"{each.spec.id} was to be looked at by somebody else")

    async def _go_on(self, published: Published, glass: Glass) -> Glass:
        """Open it if all is agreed; leave it if it is open already, or waits for somebody."""
        spec, now_ms = glass.spec, self._clock.now_ms()
        if glass.state not in (GlassState.REQUESTED, GlassState.AGREED):
            return glass
        if missing(published, glass, now_ms):
            return glass
        require_same(published, spec)
        require_standing(published, spec, now_ms)
        known = (published.revision, published.graph)
        await self._glass.ready(spec, known)
        self._faults.reach("glass.ready")
        await self._open(spec, known, glass)
        self._told(spec.id)
        return await self._glass.find(spec.id)

    async def _open(self, spec: GlassSpec, known: Known, glass: Glass) -> None:
        """Tell first; open then.

        Raises:
            AlarmFailedError: nobody could be told, and it does not open without.
        """
        alarm_id = f"msg_{spec.id}"
        arrival = await self._alarm.sound(
            alarm_id, "breakglass.alarm", spec.tenant, _alarm(spec, glass)
        )
        self._faults.reach("glass.told")
        if not arrival.has_arrived and spec.needs_alarm:
            await self._fail(spec, arrival.troubles)
            return
        await self._glass.open(spec, known, arrival.by, arrival.troubles)
        self._faults.reach("glass.opened")

    async def _fail(self, spec: GlassSpec, troubles: tuple[str, ...]) -> None:
        try:
            await self._glass.fail(spec, troubles)
        except GlassStateError:
            return  # somebody else, who was heard, has opened it meanwhile
        self._told(spec.id)
        raise AlarmFailedError("; ".join(troubles))


def _narrowed(
    decision: Decision, scopes: frozenset[str], ttl_ms: int
) -> tuple[frozenset[str], int]:
    if isinstance(decision, Deny):
        return frozenset(), 0
    obliged = decision.obligations
    left = scopes if obliged.scopes is None else scopes & obliged.scopes
    return left, ttl_ms if obliged.max_ttl_ms is None else min(ttl_ms, obliged.max_ttl_ms)


def _spec(
    glass: BreakGlassId, task: TaskSpec, instance: str, given: Mapping[str, object]
) -> GlassSpec:
    of_task = {
        "id": glass,
        "task": task.id,
        "path": task.path,
        "tenant": task.tenant,
        "agent": task.agent,
        "instance": instance,
        "task_opener": task.opener,
        "on_behalf_of": task.on_behalf_of,
        "actors": task.actors,
    }
    return msgspec.convert({**of_task, **given}, GlassSpec)


def _alarm(spec: GlassSpec, glass: Glass) -> Mapping[str, object]:
    return {
        "break_glass": spec.id,
        "digest": glass.digest,
        "task": spec.task,
        "agent": spec.agent,
        "instance": spec.instance,
        "capability": spec.capability,
        "scopes": list(spec.scopes),
        "ttl_ms": spec.ttl_ms,
        "opener": spec.opener,
        "voices": list(glass.voices),
        "reason": spec.reason,
        "incident": spec.incident,
        "asked_of": [each.in_brief() for each in spec.requirements],
    }
