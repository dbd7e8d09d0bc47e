"""The agent's verbs in a run on a task that may have more than the run was told to need.

Whoever starts the command says what it is for. That somebody else has opened a wider task is no
reason to let the command's agent have the rest: it is refused here, before the broker is asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from broker.client.credential_calls import NO_TOOL
from broker.running.need import Need
from broker.tools.verbs import AgentVerbs, wish
from broker.tools.words import Given, Refusal, Seen, TaskSeen

_UNDECLARED: Final = (
    "Refused: whoever runs this command has not declared that it needs that."
    " Declared is: {declared}.\nAsk for that, or tell whoever runs it: --need declares more, and"
    " --may-ask all that the task may have."
)


class DeclaredVerbs:
    """The verbs of one agent, for what its run's needs say and nothing else."""

    def __init__(self, agent: AgentVerbs, needs: Iterable[Need]) -> None:
        self._agent = agent
        self._needs = tuple(needs)

    async def task(self) -> TaskSeen:
        """Show the task, and what it may have at most by way of this run.

        Raises:
            VerbRefusedError: the broker refuses, or does not answer.
        """
        seen = await self._agent.task()
        declared = self._declared()
        within = {
            capability: sorted(declared[capability] & frozenset(scopes))
            for capability, scopes in seen.may_have.items()
            if capability in declared
        }
        return replace(seen, may_have=within)

    async def ask(
        self,
        capability: str,
        scopes: list[str],
        ttl_seconds: int | None = None,
        tool: Mapping[str, str] = NO_TOOL,
    ) -> Given:
        """Have a credential put somewhere that lives no longer than was declared.

        Raises:
            VerbRefusedError: no one need says so, or the broker refuses.
        """
        serving = [need for need in self._needs if _serves(need, capability, scopes)]
        if not serving:
            text = _UNDECLARED.format(declared=self._in_words())
            raise self._agent.refused(wish(capability, scopes), text)
        longest = _longest(serving)
        seconds = [each for each in (ttl_seconds, longest) if each is not None]
        return await self._agent.ask(capability, scopes, min(seconds, default=None), tool)

    async def mine(self) -> list[Seen]:
        """List the credentials of the task, the newest that fit."""
        return await self._agent.mine()

    async def renew(self, credential: str) -> Given:
        """Have a younger one put in the same place."""
        return await self._agent.renew(credential)

    async def give_up(self, credential: str) -> Seen:
        """Give one back before its time; it dies, and its place is emptied."""
        return await self._agent.give_up(credential)

    async def why_refused(self) -> list[Refusal]:
        """Return what was refused of late, the newest first."""
        return await self._agent.why_refused()

    def _declared(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for need in self._needs:
            found[need.capability] = found.get(need.capability, frozenset()) | set(need.scopes)
        return found

    def _in_words(self) -> str:
        needs = sorted(wish(need.capability, [*need.scopes]) for need in self._needs)
        return "; ".join(needs) or "nothing"


def _serves(need: Need, capability: str, scopes: list[str]) -> bool:
    within = bool(scopes) and frozenset(scopes) <= frozenset(need.scopes)
    return need.capability == capability and within


def _longest(needs: Iterable[Need]) -> int | None:
    """Return the longest life that these needs allow; None: as long as the broker says."""
    lives = [need.ttl_seconds for need in needs]
    return None if None in lives else max(each for each in lives if each is not None)
