"""What the story's steps do: each act calls, checks what it sees, and says it in a few words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from broker.client.api_errors import AccessRefusedError, ApiError, TaskEndedError
from broker.client.results import Ceiling
from broker.dev.parts import Part
from broker.dev.stage import TENANT, Job, Stage
from broker.dev.step import StepFailedError, expect

CAPABILITY: Final = "orders-api"
READ: Final = "orders:read"
WRITE: Final = "orders:write"
TTL_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Plan:
    """A task to be opened. ``key`` names it in the story, ``parent`` is another plan's key."""

    key: str
    name: str
    idle_seconds: int = 300
    credential_seconds: int = 300
    ceiling: Sequence[Ceiling] = field(default=(Ceiling(CAPABILITY, (READ,)),))
    parent: str = ""


async def open_task(stage: Stage, plan: Plan) -> str:
    """Open the task: by the orchestrator, or as a part of its own by the agent."""
    opener, agent = _opener(stage, plan), doer(stage, plan)
    opened = await opener.at_next().tasks.open(
        name=plan.name,
        agent=agent.name,
        tenant=TENANT,
        instance=agent.instance,
        ceiling=plan.ceiling,
        ttl_seconds=TTL_SECONDS,
        idle_timeout_seconds=plan.idle_seconds,
        parent=stage.jobs[plan.parent].task if plan.parent else "",
    )
    expect(opened.alive, expected="a task that is alive", seen=opened.state)
    stage.jobs[plan.key] = Job(plan.name, opened.id)
    return opened.id


async def get_credential(stage: Stage, plan: Plan) -> str:
    """Get a credential for the task: all that the agent has to show is its workload token."""
    job = stage.jobs[plan.key]
    issued = await (
        doer(stage, plan)
        .at_next()
        .credentials.issue(
            job.task, CAPABILITY, scopes=(READ,), ttl_seconds=plan.credential_seconds
        )
    )
    expect(issued.scope == READ, expected=f"the scope {READ}", seen=issued.scope)
    job.credential, job.token = issued.id, issued.access_token
    job.expires_at_ms = int(issued.expires_at.timestamp()) * 1000  # `exp` has whole seconds
    return f"{issued.id}, {issued.expires_in} s"


async def use(stage: Stage, plan: Plan) -> str:
    """Use the credential where it must be good."""
    await stage.visitor.is_accepted(stage.jobs[plan.key].token)
    return "200"


async def ask_for_more(stage: Stage, plan: Plan, ask: tuple[str, str]) -> str:
    """Ask for what the agent may not have; it must be refused, and the refusal must say no more."""
    capability, scope = ask
    broker = doer(stage, plan).at_next()
    try:
        await broker.credentials.issue(stage.jobs[plan.key].task, capability, scopes=(scope,))
    except AccessRefusedError as refused:
        expect(bool(refused.decision), expected="a decision to ask about", seen=refused)
        stage.refusals[plan.key] = refused.decision
        return f"403, {refused.decision}"
    except ApiError as error:
        raise StepFailedError(expected="403 access-denied", seen=str(error)) from error
    raise StepFailedError(expected="403 access-denied", seen=f"a credential for {scope}")


async def explain(stage: Stage, plan: Plan, reason: str) -> str:
    """Let the operator see why: the reason must be the right one, and what it rests on be named."""
    told = await stage.operator.at_next().operator.explain(stage.refusals[plan.key])
    expect(told.reason == reason, expected=f"the reason {reason}", seen=told.reason)
    policies, missing = told.trace.policies, told.trace.missing
    expect(bool(policies or missing), expected="a policy, or what was missing", seen=told)
    return f"{reason} by {policies[0]}" if policies else f"{reason}; needed: {missing[0]}"


async def ask_when_closed(stage: Stage, plan: Plan) -> str:
    """Ask for another credential under a task that has ended."""
    broker = doer(stage, plan).at_next()
    try:
        issued = await broker.credentials.issue(
            stage.jobs[plan.key].task, CAPABILITY, scopes=(READ,)
        )
    except TaskEndedError as refused:
        return f"{refused.problem.status} {refused.code}"
    except ApiError as error:
        raise StepFailedError(expected="task-closed", seen=str(error)) from error
    raise StepFailedError(expected="task-closed", seen=f"the credential {issued.id}")


def doer(stage: Stage, plan: Plan) -> Part:
    """Return the agent that does the task: a part of another one is the helper's."""
    return stage.helper if plan.parent else stage.agent


def _opener(stage: Stage, plan: Plan) -> Part:
    return stage.agent if plan.parent else stage.orchestrator
