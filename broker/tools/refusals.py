"""What an agent is told when the broker refuses: what it may know, and how to ask better.

The reasons of policy are the operators'. An agent is told the broker's word, what to do about it,
and what its own task says, which it may read anyway; never how to get around a refusal. Whether a
capability that its task has not is there at all, it is not told: the refusal is the same.

What an agent has written comes back to it short and printable: a model reads the answer.
"""

from collections.abc import Iterable
from typing import Final

from broker.client.api_errors import AccessRefusedError, ApiError, RequestRejectedError
from broker.client.awaiting import ApprovalAwaitedError
from broker.client.errors import ClientError
from broker.client.results import Task
from broker.terminal import shown

_ASK_OPERATOR: Final = (
    "Only an operator can see why: give them the decision {decision} (broker explain {decision})."
)
_NOT_OF_THE_TASK: Final = (
    "Refused: {capability} is not among what this task may have.\n"
    "This task may have: {within}.\n"
    "Ask for one of these, or tell whoever set the task."
)
_LONGEST_WORD: Final = 100
_MOST_WORDS: Final = 10


def told(refusal: ClientError, *better: str) -> str:
    """Put a refusal into words for an agent, with hints of how to ask better."""
    hints = [_remedy(refusal), *better]
    if isinstance(refusal, ApiError) and refusal.decision:
        hints.append(_ASK_OPERATOR.format(decision=refusal.decision))
    lines = [f"Refused: {refusal}.".replace("..", "."), *(hint for hint in hints if hint)]
    return "\n".join(lines)


def named(words: Iterable[str]) -> str:
    """Put names into words, whoever has written them."""
    all_of_them = sorted(words)
    some = [_brief(word) for word in all_of_them[:_MOST_WORDS]]
    more = len(all_of_them) - len(some)
    return ", ".join([*some, *([f"{more} more"] if more else [])]) or "nothing"


def _brief(word: str) -> str:
    return shown(word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}…")


def _remedy(refusal: ClientError) -> str:
    if isinstance(refusal, RequestRejectedError) and refusal.problem.field:
        return f"Mend {refusal.problem.field}, and ask again."
    return refusal.remedy


def better(task: Task, capability: str, scopes: Iterable[str]) -> tuple[str, ...]:
    """Compare what was asked for with what the agent's task may have at most."""
    if not task.alive:
        return (f"The task is {task.state}: nothing is given any more. Stop.",)
    if task.frozen:
        return ("The task is frozen until an operator thaws it. Stop, and tell whoever set it.",)
    within = {ceiling.capability: frozenset(ceiling.scopes) for ceiling in task.ceiling}
    if capability not in within:
        return (f"This task may have: {named(within)}.",)
    if beyond := frozenset(scopes) - within[capability]:
        most = named(within[capability])
        return (f"{named(beyond)} is beyond this task. Of {capability} it may have: {most}.",)
    return ()


def advice(refusal: ClientError, task: Task, capability: str, scopes: Iterable[str]) -> str:
    """Tell an agent why it was refused, as far as it may know, and how to ask better."""
    if isinstance(refusal, ApprovalAwaitedError):
        return told(refusal, "Ask again in the same words: it stays the same request.")
    if _is_elsewhere(refusal, task, capability):
        within = named(ceiling.capability for ceiling in task.ceiling)
        return _NOT_OF_THE_TASK.format(capability=_brief(capability), within=within)
    hints = better(task, capability, scopes)
    if not hints and isinstance(refusal, AccessRefusedError):
        hints = ("It is within what the task may have at most, and policy says no to it now.",)
    return told(refusal, *hints)


def _is_elsewhere(refusal: ClientError, task: Task, capability: str) -> bool:
    is_an_answer = isinstance(refusal, (AccessRefusedError, RequestRejectedError))
    is_going_on = task.alive and not task.frozen
    mine = {ceiling.capability for ceiling in task.ceiling}
    return is_an_answer and is_going_on and capability not in mine
