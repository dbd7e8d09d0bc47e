"""Which engine decides, and how a broker says that its server gives no answer."""

from broker.clock import SystemClock
from broker.engines.chosen import ChosenEngine
from broker.gate import Gate
from broker.model.decision import Permit
from broker.policy.decider import LocalDecider
from broker.settings.policy import PolicySettings
from tests.fakes.engine_server import PERMIT, opa, serving
from tests.fakes.policy import PERMIT_ALL, QUERY, engine


async def test_cedar_decides_unless_a_server_is_named() -> None:
    """Nothing is opened for it, and nothing is there to be closed."""
    chosen = ChosenEngine(PolicySettings(), SystemClock())

    assert isinstance(chosen.decider(engine(PERMIT_ALL)), LocalDecider)
    await chosen.close()


async def test_a_server_without_an_answer_is_remarked_until_it_has_one() -> None:
    """It is shown and closes nothing: refusing is what happens to each question anyway."""
    gate = Gate([])
    async with serving(lambda _: {"result": PERMIT}) as server:
        chosen = ChosenEngine(opa(server.url), SystemClock(), gate.remark)
        decider = chosen.decider(engine(PERMIT_ALL))
        port = int(server.url.rpartition(":")[2])
        await server.stop()

        await decider.decide(QUERY)
        ((word, what, _),) = gate.hindrances()
        assert word == "engine"
        assert "no answer" in what
        assert gate.is_open

        await server.start(port)
        assert isinstance(await decider.decide(QUERY), Permit)
        assert gate.hindrances() == []
        await chosen.close()
