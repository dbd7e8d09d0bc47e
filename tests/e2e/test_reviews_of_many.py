"""A review of very many agents: whatever one looks at or answers costs what it costs of few."""

import json
from typing import Any, Final

import msgspec

from broker.reviews.packets import Entry, Header, digest_of, encode
from broker.store.review_ledger import PIECE
from tests.fakes.cast import ERIN
from tests.fakes.many_agents import many_agents, trail_of
from tests.fakes.reviews import NEXT, answer, start
from tests.fakes.world import World

FEW: Final = 45
MANY: Final = 600
PAGE: Final = 20
ALL_OF_THEM: Final = ("slowlog-log-slower-than", "0", "slowlog-max-len", "100000")
MOST: Final = 40
"""Commands about a review, those within scripts included, that anything takes."""

LARGEST: Final = 64 * 1024
"""Bytes of one piece of a packet, and of one page: of agents that say little."""


async def commands(world: World, review: str, path: str, method: str = "GET", **said: Any) -> Any:
    """Ask something; return what the ledger was asked about the review for it, by size.

    What follows from an answer may be tried twice, by whoever finds it due: so each counts once.
    """
    world.single.ask("SLOWLOG", "RESET")
    made = await world.call(ERIN, method, path, said or None)
    assert made.status == 200, made.raw
    entries = [each[3] for each in world.single.ask("SLOWLOG", "GET", -1)]
    mine = [(words[0], len(words)) for words in entries if _is_about(words, review)]
    assert len(mine) < MOST
    return set(mine)


def _is_about(words: list[str], review: str) -> bool:
    return any(word.endswith((f"rv:{review}", f"rp:{review}")) for word in words)


async def test_looking_and_answering_cost_the_same_of_many_agents_as_of_few(world: World) -> None:
    """The same commands, with as many arguments; no piece and no page is larger."""
    names = {team: await many_agents(world, team, n) for team, n in (("few", FEW), ("crowd", MANY))}
    reviews = await start(world)
    world.single.ask("CONFIG", "SET", *ALL_OF_THEM)
    seen = {}
    for team, all_names in names.items():
        review = reviews[f"team:{team}"]
        path = f"/v1/reviews/{review.id}"
        following = (await world.get(ERIN, f"{path}/agents?limit={PAGE}"))["next"]
        said = {"packet": review.digest, "verdict": "keep", "reason": "looked at"}
        seen[team] = [
            await commands(world, review.id, path),
            await commands(world, review.id, f"{path}/agents?limit={PAGE}"),
            await commands(world, review.id, following),
            await commands(
                world, review.id, f"{path}/answers", "POST", agent=all_names[-1], **said
            ),
        ]
    world.single.ask("CONFIG", "SET", "slowlog-log-slower-than", "-1")

    assert seen["crowd"] == seen["few"]
    assert all(seen["crowd"]), "each of them asked something"
    pieces = world.single.ask("HVALS", f"jit:{{b00}}:rp:{reviews['team:crowd'].id}")
    assert len(pieces) == MANY // PIECE
    assert max(map(len, pieces)) < LARGEST


async def test_a_packet_of_many_is_whole_page_by_page_and_answered_to_its_end(
    world: World, tmp_path: Any
) -> None:
    """From a trail: each agent once, in order, under the digest; the last answer settles it."""
    names = await many_agents(world, "crowd", 120)
    trail = trail_of(tmp_path / "trail.jsonl", names)
    review = (await start(world, trail))["team:crowd"]
    path = f"/v1/reviews/{review.id}/agents?limit=7"

    pages = await world.pages(ERIN, path)
    for name in names:
        made = await answer(world, ERIN, review, name, "keep")
        assert (made.status, made["effect"]["state"]) == (200, "done"), made.raw

    entries = [msgspec.convert(e["entry"], Entry) for page in pages for e in page["agents"]]
    assert [each.agent for each in entries] == names
    assert max(len(json.dumps(page)) for page in pages) < LARGEST
    assert {each.usage.credentials for each in entries} == {1}
    shown = await world.get(ERIN, f"/v1/reviews/{review.id}")
    header = encode(msgspec.convert(shown["header"], Header))
    assert digest_of(header, list(map(encode, entries))) == review.digest == shown["packet"]
    assert (shown["state"], shown["answered"]) == ("answered", len(names))
    assert world.broker.replica.facts.agent(names[0]).review_by == NEXT
