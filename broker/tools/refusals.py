"""What an agent is told when the broker refuses: what it may know, and how to ask better.

The reasons of policy are the operators'. An agent is told the broker's word, what to do about it,
and what its own task says, which it may read anyway; never how to get around a refusal.
"""

from collections.abc import Iterable
from typing import Final

from broker.client.api_errors import AccessRefusedError, ApiError
from broker.client.awaiting import ApprovalAwaitedError
from broker.client.errors import ClientError
from broker.client.results import Task

_ASK_OPERATOR: Final = (
    "Only an operator can see why: give them the decision {decision} (broker explain {decision})."
)


def told(refusal: ClientError, *better: str) -> str:
    """Put a refusal into words for an agent, with hints of how to ask better."""
    hints = [refusal.remedy, *better]
    if isinstance(refusal, ApiError) and refusal.decision:
        hints.append(_ASK_OPERATOR.format(decision=refusal.decision))
    lines = [f"Refused: {refusal}.".replace("..", "."), *(hint for hint in hints if hint)]
    return "\n".join(lines)


def better(task: Task, capability: str, scopes: Iterable[str]) -> tuple[str, ...]:
    """Compare what was asked for with what the agent's task may have at most."""
    if not task.alive:
        return (f"The task is {task.state}: nothing is given any more. Stop.",)
    if task.frozen:
        return ("The task is frozen until an operator thaws it. Stop, and tell whoever set it.",)
    within = {ceiling.capability: frozenset(ceiling.scopes) for ceiling in task.ceiling}
    if capability not in within:
        return (f"This task may have: {_named(within)}.",)
    if beyond := sorted(frozenset(scopes) - within[capability]):
        most = _named(within[capability])
        return (f"{', '.join(beyond)} is beyond this task. Of {capability} it may have: {most}.",)
    return ()


def advice(refusal: ClientError, task: Task, capability: str, scopes: Iterable[str]) -> str:
    """Tell an agent why it was refused, as far as it may know, and how to ask better."""
    if isinstance(refusal, ApprovalAwaitedError):
        return told(refusal, "Ask again in the same words: it stays the same request.")
    hints = better(task, capability, scopes)
    if not hints and isinstance(refusal, AccessRefusedError):
        hints = ("It is within what the task may have at most, and policy says no to it now.",)
    return told(refusal, *hints)


def _named(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or "nothing"
