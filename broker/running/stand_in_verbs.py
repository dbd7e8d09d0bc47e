"""The agent's verbs in a run whose command holds no secret: it is told of stand-ins, and no more.

A credential beside those that go through the proxy would be one that the command holds. So nothing
is issued here: what was declared is shown, and everything else is refused in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.client.credential_calls import NO_TOOL
from broker.client.errors import ClientError
from broker.client.results import IssuedCredential
from broker.running.keeper import Keeper
from broker.tools.places import PlaceError
from broker.tools.refusals import told
from broker.tools.verbs import AgentVerbs, wish
from broker.tools.words import Given, Place, Refusal, Seen, TaskSeen

_UNDECLARED: Final = (
    "Refused: this run's command holds no secret: whoever runs it declares what it needs."
    " Declared is: {declared}."
)
_NO_TOOL: Final = (
    "Refused: this run's command holds no secret, and nothing is decided here about a tool that was"
    " found on the way. Ask without it, or tell whoever runs this."
)
_KEPT: Final = (
    "Refused: the run holds it, and gives it back when its command ends. Stop using the stand-in."
)


@dataclass(frozen=True, slots=True)
class StandIn:
    """One need of a run that goes through its proxy."""

    keeper: Keeper
    place: Place

    @property
    def is_alive(self) -> bool:
        """Tell whether the proxy has something to put in, as far as is known here."""
        return self.keeper.end is None

    def serves(self, capability: str, scopes: list[str]) -> bool:
        """Tell whether what is asked for is within what was declared."""
        need = self.keeper.need
        within = bool(scopes) and frozenset(scopes) <= frozenset(need.scopes)
        return need.capability == capability and within


class StandInPlaces:
    """Where each credential of the run can be used from; nothing is ever put anywhere."""

    def __init__(self, stand_ins: Mapping[str, StandIn]) -> None:
        self._stand_ins = tuple(stand_ins.values())

    def put(self, issued: IssuedCredential) -> Place:  # noqa: ARG002 - the port's
        """Refuse."""
        raise PlaceError("this run's command holds no secret")

    def of(self, credential: str) -> Place | None:
        """Return the stand-in for a credential that is used by one."""
        found = self.behind(credential)
        return found.place if found is not None and found.is_alive else None

    def clear(self, credential: str) -> None:
        """Do nothing: a stand-in is as long as its run."""

    def behind(self, credential: str) -> StandIn | None:
        """Return which stand-in stands for a credential."""
        return next((s for s in self._stand_ins if s.keeper.newest.id == credential), None)

    def serving(self, capability: str, scopes: list[str]) -> StandIn | None:
        """Return the narrowest that is enough for what is asked for."""
        found = [each for each in self._stand_ins if each.serves(capability, scopes)]
        return min(found, key=lambda each: len(each.keeper.need.scopes), default=None)

    def declared(self) -> str:
        """Put into words what there is."""
        needs = (each.keeper.need for each in self._stand_ins)
        return "; ".join(sorted(wish(need.capability, [*need.scopes]) for need in needs))


class StandInVerbs:
    """The verbs of the agent in one such run."""

    def __init__(self, agent: AgentVerbs, places: StandInPlaces) -> None:
        """Take the verbs of the run's own task, for what only reads and remembers."""
        self._agent = agent
        self._places = places

    async def task(self) -> TaskSeen:
        """Show the task, and what it may have at most."""
        return await self._agent.task()

    async def ask(
        self,
        capability: str,
        scopes: list[str],
        ttl_seconds: int | None = None,  # noqa: ARG002 - a stand-in is as long as its run
        tool: Mapping[str, str] = NO_TOOL,
    ) -> Given:
        """Tell the stand-in for what was declared.

        Raises:
            VerbRefusedError: it was not declared, or nothing of it is alive now.
        """
        asked = wish(capability, scopes)
        if tool:
            raise self._agent.refused(asked, _NO_TOOL)
        found = self._places.serving(capability, scopes)
        if found is None:
            text = _UNDECLARED.format(declared=self._places.declared())
            raise self._agent.refused(asked, text)
        return await self._given(found, asked)

    async def mine(self) -> list[Seen]:
        """List the credentials of the task."""
        return await self._agent.mine()

    async def renew(self, credential: str) -> Given:
        """Tell the stand-in again: the run renews what is behind it by itself.

        Raises:
            VerbRefusedError: there is none for it, or nothing of it is alive now.
        """
        found = self._places.behind(credential)
        if found is None:
            return await self._agent.renew(credential)  # refuses: nothing was given
        return await self._given(found, f"to renew {credential}")

    async def give_up(self, credential: str) -> Seen:
        """Refuse: it is the run's.

        Raises:
            VerbRefusedError: always.
        """
        if self._places.behind(credential) is None:
            return await self._agent.give_up(credential)  # refuses: nothing was given
        raise self._agent.refused(f"to give up {credential}", _KEPT)

    async def why_refused(self) -> list[Refusal]:
        """Return what was refused of late, the newest first."""
        return await self._agent.why_refused()

    async def _given(self, found: StandIn, asked: str) -> Given:
        try:
            await found.keeper.current()
        except ClientError as error:
            raise self._agent.refused(asked, told(error)) from error
        issued = found.keeper.newest
        return Given(
            credential=issued.id,
            capability=issued.capability,
            scopes=issued.scope.split(),
            expires_at=issued.expires_at,
            place=found.place,
        )
