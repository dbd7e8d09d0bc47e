"""Evidence that serves once where policy asks for it, from door to ledger (A14, B20, B21)."""

import asyncio
from collections.abc import Mapping

import pytest

from tests.fakes.cast import AGENT, OPERATOR, ORCHESTRATOR, SMALL
from tests.fakes.replace import replace
from tests.fakes.respelling import loose, mirrored, padded
from tests.fakes.world import Answer, World, issue_body, task_body
from tests.fakes.world_config import ISSUERS

ONCE = """
@id("once")
@evidence("single-use")
permit (
  principal is Agent,
  action in [Action::"RequestCredential", Action::"RenewCredential", Action::"ExtendTask"],
  resource
)
when { principal.tenant == context.task.tenant };

@id("once-for-orchestrators")
@evidence("single-use")
permit (principal is Orchestrator, action == Action::"OpenTask", resource)
when { principal.tenants.contains(context.task.tenant) };
"""


async def demand(world: World) -> None:
    """Let policy ask for single use from now on."""
    world.config.write("policies/50-world.cedar", ONCE)
    await world.publish()


async def opened(world: World, **changes: object) -> str:
    """Open a task as long as nothing is asked, then demand single use; return the task's path."""
    task = await world.open(**changes)
    await demand(world)
    return f"/v1/tasks/{task['id']}"


async def ask(world: World, task: str, token: str, *, key: str = "", at: int = 0) -> Answer:
    """Ask for a credential with a token."""
    return await world.post(token, f"{task}/credentials", issue_body(), key=key, at=at)


def seen(answers: list[Answer]) -> list[tuple[int, str]]:
    """Return each answer's status, and its problem if it is one."""
    return [(each.status, each.code if each.status >= 400 else "") for each in answers]


USED = (403, "evidence-used")


@pytest.mark.parametrize("claims", [{"jti": "j-1"}, {}], ids=["jti", "no-jti"])
async def test_a_token_serves_once_and_a_fresh_one_again(
    world: World, claims: Mapping[str, object]
) -> None:
    """The second use is a typed problem; the operator reads why, the caller only that."""
    task = await opened(world)
    token = world.token(AGENT, **claims)
    fresh = world.token(AGENT, jti="j-2")

    answers = [await ask(world, task, each) for each in (token, token, fresh)]

    assert seen(answers) == [(201, ""), USED, (201, "")]
    why = await world.get(OPERATOR, f"/v1/decisions/{answers[1]['decision']}")
    assert why["reason"] == "evidence-used"
    assert why["explanation"]["outcome"] == "permit"
    assert "evidence single-use" in why["explanation"]["obligations"]
    listed = await world.call(world.token(AGENT, jti="j-3"), "GET", f"{task}/credentials")
    assert len(listed["credentials"]) == 2


async def test_a_refused_use_is_in_the_audit_trail(world: World) -> None:
    """With the reason, and never the token or its jti."""
    task = await opened(world)
    token = world.token(AGENT, jti="canary-jti")
    await ask(world, task, token)
    refused = await ask(world, task, token)

    file = world.config.folder.parent / "audit-0.jsonl"
    await world.until_logged(file, refused["decision"])
    told = file.read_text()

    assert "evidence-used" in told
    assert "canary-jti" not in told
    assert "canary-jti" not in str(world.dump())


@pytest.mark.parametrize("claims", [{"jti": "j-1"}, {}], ids=["jti", "no-jti"])
async def test_b20_another_spelling_is_the_same_token(
    worlds: World, claims: Mapping[str, object]
) -> None:
    """At whichever broker it is tried: mirrored it is used, otherwise encoded it is nothing."""
    task = await opened(worlds)
    token = worlds.token(AGENT, **claims)
    assert (await ask(worlds, task, token)).status == 201

    for at in (0, 1):
        answers = [
            await ask(worlds, task, spelt(token), at=at) for spelt in (mirrored, padded, loose)
        ]
        assert seen(answers) == [USED, (401, "unauthenticated"), (401, "unauthenticated")]


async def test_a_token_signed_twice_is_the_same_without_a_jti(world: World) -> None:
    """The issuer said the same twice."""
    task = await opened(world)
    now = world.now()
    tokens = [world.token(AGENT, iat=now, exp=now + 3600) for _ in range(2)]
    assert tokens[0] != tokens[1]

    assert seen([await ask(world, task, each) for each in tokens]) == [(201, ""), USED]


async def test_a14_of_sixteen_that_race_at_two_brokers_one_wins(worlds: World) -> None:
    """Whoever is first at the ledger; the credential exists once."""
    task = await opened(worlds)
    token = worlds.token(AGENT, jti="j-1")

    answers = await asyncio.gather(
        *(ask(worlds, task, token, at=number % 2) for number in range(16))
    )

    assert sorted(seen(list(answers))) == [(201, ""), *[USED] * 15]
    listed = await worlds.call(worlds.token(AGENT), "GET", f"{task}/credentials")
    assert len(listed["credentials"]) == 1


async def test_i10_a_repeat_under_its_key_gets_the_first_answer(worlds: World) -> None:
    """At either broker, with the first token or a fresh one; under another key it is a replay."""
    task = await opened(worlds)
    token, fresh = worlds.token(AGENT, jti="j-1"), worlds.token(AGENT, jti="j-2")
    first = await ask(worlds, task, token, key="k-1")

    again = [
        await ask(worlds, task, token, key="k-1", at=1),
        await ask(worlds, task, fresh, key="k-1"),
    ]
    other = [
        await ask(worlds, task, token, key="k-2"),
        await ask(worlds, task, token),
        await ask(worlds, task, fresh, key="k-3"),
    ]

    assert [each["access_token"] for each in again] == [first["access_token"]] * 2
    assert seen(other) == [USED] * 3


async def test_i10_sixteen_repeats_of_one_request_all_get_the_one_credential(
    worlds: World,
) -> None:
    """They race for the same use, and none of them loses."""
    task = await opened(worlds)
    token = worlds.token(AGENT, jti="j-1")

    answers = await asyncio.gather(
        *(ask(worlds, task, token, key="k-1", at=number % 2) for number in range(16))
    )

    assert {each.status for each in answers} == {201}
    assert len({each["access_token"] for each in answers}) == 1


async def test_the_same_key_with_another_body_is_a_conflict(world: World) -> None:
    """As it is without single use."""
    task = await opened(world)
    token = world.token(AGENT, jti="j-1")
    assert (await ask(world, task, token, key="k-1")).status == 201

    other = await world.post(token, f"{task}/credentials", issue_body(ttl_seconds=61), key="k-1")

    assert (other.status, other.code) == (422, "idempotency-conflict")


async def test_one_use_counts_for_every_verb_that_asks(world: World) -> None:
    """Issue, renew and extend with three tokens; a used one is refused for any of them."""
    task = await opened(world)
    tokens = [world.token(AGENT, jti=f"j-{number}") for number in range(3)]
    issued = await world.post(tokens[0], f"{task}/credentials", issue_body(ttl_seconds=60))
    renew, extend = f"/v1/credentials/{issued['id']}/renew", f"{task}/extend"

    async def gain(token: str) -> list[Answer]:
        return [
            await world.post(token, renew, {"ttl_seconds": 300}),
            await world.post(token, extend, {"ttl_seconds": 600}),
            await ask(world, task, token),
        ]

    assert seen(await gain(tokens[0])) == [USED] * 3
    assert (await world.post(tokens[1], renew, {"ttl_seconds": 300})).status in {200, 201}
    assert seen(await gain(tokens[1])) == [USED] * 3
    assert (await world.post(tokens[2], extend, {"ttl_seconds": 600})).status == 200
    assert seen(await gain(tokens[2])) == [USED] * 3


async def test_a_repeated_extension_is_the_same_use(world: World) -> None:
    """With the first token and with a fresh one, which it uses up; another body is a conflict."""
    task = await opened(world)
    token, fresh = world.token(AGENT, jti="j-1"), world.token(AGENT, jti="j-2")
    extend, body = f"{task}/extend", {"ttl_seconds": 600}
    first = await world.post(token, extend, body, key="k-1")

    again = [await world.post(each, extend, body, key="k-1") for each in (token, fresh)]
    other = [
        await world.post(token, extend, {"ttl_seconds": 599}, key="k-1"),
        await world.post(fresh, extend, body, key="k-2"),
    ]

    assert [first.status, *(each.status for each in again)] == [200] * 3
    assert seen(other) == [(422, "idempotency-conflict"), USED]


async def test_a_task_is_opened_once_with_a_token(world: World) -> None:
    """And again only as the same request."""
    await demand(world)
    token = world.token(ORCHESTRATOR, jti="j-1")

    first = await world.post(token, "/v1/tasks", task_body(), key="k-1")
    again = await world.post(token, "/v1/tasks", task_body(), key="k-1")
    other = await world.post(token, "/v1/tasks", task_body(), key="k-2")

    assert first.status == 201
    assert again["id"] == first["id"]
    assert seen([other]) == [USED]


async def test_what_policy_does_not_ask_uses_nothing_up(world: World) -> None:
    """Looking, beating, giving back and ending are free, before and after."""
    task = await opened(world)
    token = world.token(AGENT, jti="j-1")
    assert (await world.call(token, "GET", task)).status == 200
    assert (await world.post(token, f"{task}/heartbeat")).status == 200
    issued = await ask(world, task, token)
    assert issued.status == 201

    assert (await world.call(token, "GET", task)).status == 200
    assert (await world.call(token, "DELETE", f"/v1/credentials/{issued['id']}")).status == 200
    assert (await world.post(token, f"{task}/complete")).status == 200


async def test_a_denied_request_uses_nothing_up(world: World) -> None:
    """Evidence is used up after policy, the ceiling and the scopes have agreed."""
    task = await opened(world)
    token = world.token(AGENT, jti="j-1")
    beyond = issue_body(scopes=["orders:write"])

    assert (await world.post(token, f"{task}/credentials", beyond)).code == "access-denied"
    assert (await ask(world, task, token)).status == 201


async def test_what_fails_later_has_used_it_up(world: World) -> None:
    """A quota is known only with the grant: then the token is gone, and a fresh one is needed."""
    task = await opened(world, agent="small-bot")
    held = [await ask(world, task, world.token(SMALL, jti=f"h-{n}")) for n in range(3)]
    token = world.token(SMALL, jti="j-1")

    full = await ask(world, task, token, key="k-1")
    await world.call(world.token(SMALL), "DELETE", f"/v1/credentials/{held[0]['id']}")

    assert (full.status, full.code) == (429, "quota-exceeded")
    assert seen([await ask(world, task, token)]) == [USED]
    assert (await ask(world, task, token, key="k-1")).status == 201


async def test_an_issuers_jti_is_not_anothers(world: World) -> None:
    """Two issuers that count alike vouch for two tokens."""
    first, second = AGENT, replace(AGENT, issuer=ISSUERS[1])
    task = await opened(world)
    other = await world.post(
        world.token(ORCHESTRATOR, jti="o-1"), "/v1/tasks", task_body(instance="pod-1")
    )

    one = await ask(world, task, world.token(first, jti="same"))
    two = await ask(world, f"/v1/tasks/{other['id']}", world.token(second, jti="same"))

    assert [one.status, two.status] == [201, 201]


async def test_i5_without_the_ledger_nothing_is_taken_on_trust(world: World) -> None:
    """The token has served nobody, and is refused all the same."""
    task = await opened(world)
    world.single.kill()

    answer = await ask(world, task, world.token(AGENT, jti="j-1"))

    assert answer.status == 503
