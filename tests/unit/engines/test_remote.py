"""A server decides: in time, in order, bounded, and never more than it says."""

import asyncio
from typing import Any

import pytest

from broker.engines.remote import Lane, RemoteDecider, Standing
from broker.model.decision import Deny, Obligations, Permit
from broker.policy.query import Query
from tests.fakes.clock import FakeClock
from tests.fakes.engine_server import PERMIT, authzen, deciding, opa, serving
from tests.fakes.policy import PERMIT_ALL, QUERY, by, engine
from tests.fakes.replace import replace
from tests.fakes.until import until

UNFIT = replace(QUERY, capability=None)
BOTH = pytest.mark.parametrize("named", [opa, authzen])


def say(asked: Any) -> Any:
    """Permit odd bots, whichever words are spoken."""
    if "input" in asked:
        return {"result": judged(asked["input"]["principal"]["name"])}
    if "evaluations" in asked:
        return {"evaluations": [said(each) for each in asked["evaluations"]]}
    return said(asked)


def said(evaluation: Any) -> Any:
    """Answer as AuthZEN does."""
    answer = judged(evaluation["subject"]["id"])
    ours = {name: answer[name] for name in ("obligations", "policies")}
    return {"decision": answer["allow"], "context": {"jit_broker": ours}}


def judged(name: str) -> dict[str, Any]:
    """Permit odd bots."""
    is_odd = name[-1] in "13579"
    return {"allow": is_odd, "obligations": {}, "policies": ["odd"] if is_odd else []}


def bots(many: int) -> list[Query]:
    """Ask for so many bots."""
    return [by(f"bot-{number}") for number in range(many)]


def failed(decision: object) -> str:
    """Return why there was no answer, or fail."""
    assert isinstance(decision, Deny), decision
    assert decision.reason == "engine-error"
    (why,) = decision.trace.errors
    return why


@BOTH
async def test_it_decides_as_the_server_says(named: Any) -> None:
    """The trace has what decided, by which rules, on what."""
    async with serving(say) as server, deciding(named(server.url)) as decider:
        permitted, denied = [await decider.decide(by(name)) for name in ("bot-1", "bot-2")]

        assert isinstance(permitted, Permit)
        assert permitted.obligations == Obligations()
        assert permitted.trace.policies == ("odd",)
        assert permitted.trace.policy_version.startswith(f"{decider.version}:")
        assert permitted.trace.facts_revision == 7
        assert 'Capability::"orders-api"' in permitted.trace.facts
        assert isinstance(denied, Deny)
        assert (denied.reason, denied.trace.errors) == ("no-permit", ())


@BOTH
async def test_many_are_answered_in_their_order(named: Any) -> None:
    """Also those that could not be asked at all."""
    queries = [*bots(23), UNFIT, *bots(8)]
    async with serving(say) as server, deciding(named(server.url, batch=5)) as decider:
        decisions = await decider.decide_many(queries)

        assert await decider.decide_many([]) == []

    for query, decision in zip(queries, decisions, strict=True):
        if query is UNFIT:
            assert "without a capability" in failed(decision)
        else:
            assert isinstance(decision, Permit) == (query.principal.name[-1] in "13579")


async def test_batches_are_as_large_as_they_may_be() -> None:
    """One call for as many questions as the settings allow."""
    async with serving(say) as server, deciding(authzen(server.url, batch=10)) as decider:
        await decider.decide_many(bots(25))

        assert sorted(len(asked["evaluations"]) for asked in server.asked) == [5, 10, 10]
        assert all(a["options"]["evaluations_semantic"] == "execute_all" for a in server.asked)


@BOTH
async def test_lists_never_take_all_places(named: Any) -> None:
    """Whatever is looked at again, who asks now is asked for at once."""
    settings = named("http://unused", max_in_flight=6, batch=1)
    async with serving(say) as server:
        settings = replace(settings, url=settings.url.replace("http://unused", server.url))
        async with deciding(settings) as decider:
            server.go.clear()
            lists = [asyncio.create_task(decider.decide_many(bots(20))) for _ in range(3)]
            await until(lambda: server.under_way == 3)
            now = asyncio.create_task(decider.decide(QUERY))
            await until(lambda: server.under_way == 4)
            server.go.set()
            await asyncio.gather(now, *lists)

    assert server.most <= 6


async def test_no_more_are_asked_at_one_time_than_may_be() -> None:
    """The others wait for their turn, within their own deadlines."""
    async with serving(say) as server, deciding(opa(server.url, max_in_flight=2)) as decider:
        server.go.clear()
        asking = [asyncio.create_task(decider.decide(QUERY)) for _ in range(9)]
        await until(lambda: server.under_way == 2)
        server.go.set()
        await asyncio.gather(*asking)

    assert server.most == 2


@BOTH
async def test_when_nobody_answers_the_rest_is_not_asked(named: Any) -> None:
    """A list ends after one deadline, however long it is."""
    async with serving(say) as server:
        server.go.clear()
        settings = named(server.url, deadline_ms=100, max_in_flight=4, batch=5)
        async with deciding(settings) as decider:
            decisions = await decider.decide_many(bots(200))

    reasons = [failed(decision) for decision in decisions]
    assert "within 100 ms" in reasons[0]
    assert "not asked" in reasons[-1]
    assert len(server.asked) <= 2


async def test_a_server_that_is_back_decides_again() -> None:
    """No state is kept of a failure; a dead connection is not taken for a dead server."""
    async with serving(say) as server, deciding(opa(server.url)) as decider:
        assert isinstance(await decider.decide(by("bot-1")), Permit)
        port = int(server.url.rpartition(":")[2])
        await server.stop()
        assert "no answer" in failed(await decider.decide(by("bot-1")))
        await server.start(port)

        assert isinstance(await decider.decide(by("bot-1")), Permit)


async def test_who_goes_away_gives_the_place_back() -> None:
    """A request that is given up ends its question."""
    async with serving(say) as server, deciding(opa(server.url, max_in_flight=2)) as decider:
        server.go.clear()
        asking = [asyncio.create_task(decider.decide(QUERY)) for _ in range(2)]
        await until(lambda: server.under_way == 2)
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        server.go.set()

        assert isinstance(await decider.decide(by("bot-1")), Permit)


async def test_whatever_breaks_while_asking_refuses() -> None:
    """Not only what was foreseen."""

    class Broken:
        name, at_once = "broken", 1

        def call(self, _questions: object) -> Any:
            raise RecursionError("deep")

    def never(_call: object) -> Any:
        raise AssertionError("asked")

    decider = RemoteDecider(engine(PERMIT_ALL), Broken(), never, Lane(1), Standing(FakeClock(), 1))  # type: ignore[arg-type]

    assert failed(await decider.decide(QUERY)) == "RecursionError"


@BOTH
async def test_an_answer_counts_for_as_long_as_is_stated(named: Any) -> None:
    """Nobody tells us when the server would answer otherwise, so it is asked again then."""
    clock = FakeClock()
    async with serving(say) as server:
        settings = named(server.url, recheck_seconds=45)
        async with deciding(settings, clock=clock) as decider:
            for name in ("bot-1", "bot-2"):
                trace = (await decider.decide(by(name))).trace
                assert trace.until_ms == clock.now_ms() + 45_000


async def test_an_explanation_says_what_the_server_said() -> None:
    """Conditions are the server's own: they are not guessed."""
    async with (
        serving(lambda _: {"result": PERMIT | {"obligations": {"max_ttl_seconds": 9}}}) as server,
        deciding(opa(server.url)) as decider,
    ):
        told = await decider.explain(QUERY)

    assert (told.outcome, told.determining) == ("permit", ("all",))
    assert told.obligations == ("max_ttl_seconds 9",)
    assert told.considered == ()
