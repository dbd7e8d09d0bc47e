"""The questions that the verbs put to policy, and their record."""

from collections.abc import Mapping

from broker.model.asked import Asked, Asker
from broker.model.capability import Capability
from broker.model.lease import LeaseSpec
from broker.model.principal import Kind, Principal
from broker.model.requests import ExtendTask, IssueCredential, OpenTask
from broker.model.task import Task, TaskSpec
from broker.model.tool import Tool
from broker.policy.query import Action, Query, TaskFacts


def behalf_of(caller: Principal, request: OpenTask) -> str:
    """Return whose work a root task is: a person's own, or whomever its opener names."""
    return caller.name if caller.kind is Kind.PERSON else request.on_behalf_of


def about_opening(caller: Principal, request: OpenTask, parent: Task | None) -> Query:
    """May the caller open this task, or hand on a part of its own?"""
    facts = TaskFacts(
        id="",
        name=request.name,
        tenant=request.tenant,
        agent=request.agent,
        opener=caller.ref,
        on_behalf_of=parent.spec.on_behalf_of if parent else behalf_of(caller, request),
        tickets=request.tickets,
        resources=request.resources,
        depth=len(parent.spec.path) if parent else 0,
        above=parent.spec.actors if parent else (),
        lender=parent.spec.lender.by if parent and parent.spec.lender else None,
    )
    return Query(
        action=Action.DELEGATE_TASK if parent else Action.OPEN_TASK,
        principal=caller,
        task=facts,
        ceiling=request.ceiling,
        ttl_ms=request.ttl_ms,
    )


def about_extension(caller: Principal, task: Task, request: ExtendTask) -> Query:
    """May the caller let the task run longer?"""
    return Query(
        action=Action.EXTEND_TASK,
        principal=caller,
        task=TaskFacts.of(task.spec),
        ceiling=task.spec.ceiling,
        ttl_ms=request.ttl_ms,
    )


def about_issue(
    caller: Principal, spec: TaskSpec, capability: Capability, request: IssueCredential
) -> Query:
    """May the agent have this capability, for this task, now?"""
    return Query(
        action=Action.REQUEST_CREDENTIAL,
        principal=caller,
        task=TaskFacts.of(spec),
        capability=capability,
        ceiling=spec.ceiling,
        scopes=request.scopes,
        ttl_ms=request.ttl_ms or capability.default_ttl_ms,
        labels=request.labels,
        tool=request.tool,
    )


def about_renewal(
    caller: Principal, spec: TaskSpec, capability: Capability, lease: LeaseSpec, ttl_ms: int
) -> Query:
    """May the agent keep it?"""
    return Query(
        action=Action.RENEW_CREDENTIAL,
        principal=caller,
        task=TaskFacts.of(spec),
        capability=capability,
        ceiling=spec.ceiling,
        scopes=frozenset(lease.scopes),
        ttl_ms=ttl_ms or capability.default_ttl_ms,
        tool=lease.tool,
    )


def asked_of(query: Query) -> Asked:
    """Return what is kept of a question beside the lease that it led to, to be asked again."""
    return Asked(
        by=Asker.of(query.principal),
        scopes=query.scopes,
        ttl_ms=query.ttl_ms,
        labels=query.labels,
        is_renewal=query.action is Action.RENEW_CREDENTIAL,
        tool=query.tool,
    )


def facts_of(query: Query) -> Mapping[str, object]:
    """Return what the record of a refusal tells of its question.

    No labels, no claims, which are the caller's own words and stay out of the audit trail.
    """
    return {
        "action": query.action,
        "principal": query.principal.ref,
        "instance": query.principal.instance,
        "task": query.task.id,
        "task_name": query.task.name,
        "agent": query.task.agent,
        "capability": query.capability.name if query.capability else "",
        "scopes": sorted(query.scopes),
        "ttl_ms": query.ttl_ms,
        **told_of(query.tool),
    }


def told_of(tool: Tool | None) -> Mapping[str, object]:
    """Return what a record tells of a tool: in one spelling, checked at the door."""
    return {} if tool is None else {"tool": tool.told()}
