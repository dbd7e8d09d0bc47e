"""Agents as the JSON of ``docs/api.md``."""

from urllib.parse import urlencode

from broker.agents import Agent, AgentView, OpenTasks
from broker.clock import rfc3339
from broker.http import render, render_facts
from broker.http.render import Json
from broker.live_credentials import Held


def agent(value: Agent) -> Json:
    """Show what is registered of an agent, and how far its quota is taken."""
    thing = value.enrolled.thing
    return {
        "name": thing.name,
        "tenant": thing.tenant,
        "source": thing.source,
        "owner": thing.owner,
        "purpose": thing.purpose,
        "teams": value.enrolled.teams,
        "status": thing.status,
        "hold": render_facts.hold(thing.hold),
        "risk": thing.risk,
        "review_by": thing.review_by,
        "review_overdue": value.enrolled.is_overdue,
        "ceiling": thing.ceiling,
        "quota": {"limit": value.quota, "in_use": value.in_use},
    }


def view(value: AgentView) -> Json:
    """Show an agent, and what is live of it."""
    return agent(value.agent) | {
        "tasks": _tasks(value.agent, value.tasks),
        "credentials": _held(value.held),
        "cuts": [render.cut(each) for each in value.cuts],
    }


def _tasks(of: Agent, value: OpenTasks) -> Json:
    thing = of.enrolled.thing
    wanted = {"tenant": thing.tenant, "agent": thing.name, "state": "open"}
    return {
        "open": value.count,
        "complete": value.is_complete,
        "first": [render.task(each) for each in value.first],
        "all": f"/v1/tasks?{urlencode(wanted)}",
    }


def _held(value: Held) -> Json:
    return {
        "live": value.count,
        "complete": value.is_complete,
        "capabilities": value.capabilities,
        "next_expiry": _instant(value.next_expiry_ms),
        "last_issued_at": _instant(value.last_issued_ms),
    }


def _instant(instant_ms: int) -> str | None:
    return rfc3339(instant_ms) if instant_ms else None
