"""Which verbs the agent in a run has: files where it may hold secrets, else stand-ins; how much."""

from collections.abc import Mapping
from typing import Final

from broker.client.api import BrokerClient
from broker.running.declared_verbs import DeclaredVerbs
from broker.running.folder import RunFolder
from broker.running.keeper import Keeper
from broker.running.stand_in_verbs import StandIn, StandInPlaces, StandInVerbs
from broker.tools.places import FilePlaces
from broker.tools.verbs import AgentVerbs, Verbs
from broker.tools.words import Place

_ASKED: Final = ".asked"
"""The folder for what the agent asks for: no need of a run is called so."""


def verbs_of_run(
    broker: BrokerClient,
    task: str,
    folder: RunFolder,
    keepers: Mapping[str, Keeper],
    stand_ins: Mapping[str, Place] | None,
    *,
    only_declared: bool,
) -> Verbs:
    """Make them.

    Args:
        broker: asked by the run's own evidence.
        task: the run's.
        folder: the run's.
        keepers: what the run holds.
        stand_ins: where the run has a proxy, how its command uses each need that goes through it.
        only_declared: refuse what no need of the run says, whatever the task may have.

    Raises:
        FolderError: there is no place for files.
    """
    if stand_ins is None:
        agent = AgentVerbs(broker, task, FilePlaces(folder.make(_ASKED)))
        needs = [keeper.need for keeper in keepers.values()]
        return DeclaredVerbs(agent, needs) if only_declared else agent
    places = StandInPlaces({n: StandIn(keepers[n], place) for n, place in stand_ins.items()})
    return StandInVerbs(AgentVerbs(broker, task, places), places)
