"""Bad input answers 4xx, names the field, costs no mint and changes nothing (A16, C16, F17)."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.fakes.cast import AGENT, OPERATOR, ORCHESTRATOR, ORDERS, Who
from tests.fakes.world import Answer, World, issue_body, task_body

LINE: Final[dict[str, Any]] = {"capability": "orders-api", "scopes": ["orders:read"]}

NO_NAMES: Final = (
    "",
    " ",
    "a b",
    "-a",
    "../../etc/passwd",
    "a\x00b",
    "a\nb",
    "\u202eevil",
    "invoice\u200bbot",
    "invоice-bot",  # noqa: RUF001 - a Cyrillic letter, on purpose
    "ﬁle",
    "a" * 129,
    'x" || true || "',
    '"); permit(principal, action, resource); ("',
    '__entity::"x"',
    "${jndi:ldap://x}",
    "%2e%2e",
    "a;b",
    "🦀",
)
"""What a name must not be. Some are no more than 256 characters, so that not the shape refuses."""

NO_TEXTS: Final = ("", "a\x00b", "a\nb", "\u202eevil", "a\u200bb", "e\u0301", "a" * 257, "\ue000")
NO_SCOPES: Final = ("", "a b", 'a"b', "a\\b", "a\nb", "ü", "a" * 129)
NO_SECONDS: Final = (0, -1, 28_801, 2**31, 2**63 - 1, 1.5, 1e3, "60", True, [], {})
NO_STRINGS: Final = (
    1,
    1.5,
    True,
    [],
    {},
    ["invoice-bot"],
    {"__entity": {"type": "Agent", "id": "x"}},
)
NO_LISTS: Final = ("orders:read", 1, {}, True)


def _each(field: str, values: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    return ((field, value) for value in values)


OPENINGS: Final = [
    *(pair for name in ("name", "agent", "tenant") for pair in _each(name, NO_NAMES + NO_STRINGS)),
    *(
        pair
        for name in ("name", "agent", "tenant", "ceiling", "ttl_seconds")
        for pair in [(name, ...), (name, None)]
    ),
    *((name, value) for name in ("instance", "on_behalf_of") for value in (*NO_NAMES, *NO_STRINGS)),
    *_each(
        "parent",
        (*NO_NAMES, *NO_STRINGS, f"l_00_{'a' * 26}", f"T_00_{'a' * 26}", "t_00_" + "A" * 26),
    ),
    *_each("ttl_seconds", NO_SECONDS),
    *_each("idle_timeout_seconds", NO_SECONDS),
    *_each("opener_timeout_seconds", NO_SECONDS[1:]),
    *_each("ceiling", (*NO_LISTS, [], [LINE] * 65, [1], ["x"], [[]], [None])),
    *(("tickets", value) for value in (*NO_LISTS, ["x"] * 33, [1], [None], [["x"]])),
    *(("tickets", [text]) for text in NO_TEXTS),
    *(("resources", ["fine", text]) for text in NO_TEXTS),
    *(("resources", value) for value in (*NO_LISTS, ["x"] * 33, [{}])),
    *(("ceiling", [{**LINE, "capability": value}]) for value in NO_NAMES + NO_STRINGS),
    *(("ceiling", [{**LINE, "scopes": value}]) for value in (*NO_LISTS, [], ["x"] * 65, [1])),
    *(("ceiling", [{**LINE, "scopes": [value]}]) for value in NO_SCOPES),
    ("ceiling", [{**LINE, "more": 1}]),
    ("ceiling", [{"capability": "orders-api"}]),
    ("ceiling", [{**LINE, "scopes": ["orders:delete"]}]),
    ("ceiling", [LINE, {**LINE, "capability": "no-such"}]),
    ("more", 1),
    ("__entity", {"type": "Agent", "id": "x"}),
    ("claim_handle", "x"),
    ("id", f"t_00_{'a' * 26}"),
    ("opener", "orchestrator:other"),
    ("act", {"sub": "agent:other"}),
    ("path", []),
    ("actors", []),
]

ISSUES: Final = [
    *_each("capability", (*NO_NAMES, *NO_STRINGS, ..., None, "no-such")),
    *_each("scopes", (*NO_LISTS, [], ["x"] * 65, [1], [None], [["orders:read"]], ..., None)),
    *(("scopes", [value]) for value in NO_SCOPES),
    *_each("ttl_seconds", NO_SECONDS),
    *_each("labels", (1, "x", [], True, {"a": 1}, {"a": None}, {"a": ["b"]}, {"a": {"b": "c"}})),
    ("labels", {f"k{n}": "v" for n in range(33)}),
    *(("labels", {key: "v"}) for key in ("", "a=b", " a", "__entity", "__extn", "a" * 129, "ü")),
    *(("labels", {"k": value}) for value in NO_TEXTS),
    ("labels", {"__entity": {"type": "Role", "id": "admin"}}),
    ("labels", {"a": {"__extn": {"fn": "ip", "arg": "127.0.0.1"}}}),
    ("audience", "https://other.example"),
    ("act", {"sub": "agent:other"}),
    ("__entity", {}),
    ("resource", "x"),
]

CLOSINGS: Final = [
    *_each("reason", (*NO_STRINGS, "", "a\x00b", "a\nb", "\u202eevil", "a" * 513)),
    ("more", 1),
]

ORDERS_GIVEN: Final = [
    *(
        (kind, value)
        for kind in ("agent", "capability", "tenant")
        for value in (*NO_NAMES, *NO_STRINGS, "*")
    ),
    *_each("issuer", (*NO_STRINGS, "", "a\x00b", "a" * 513)),
    *_each("credential", (*NO_NAMES, *NO_STRINGS, f"t_00_{'a' * 26}", f"l_00_{'a' * 25}")),
    *_each("task", (*NO_NAMES, *NO_STRINGS, f"l_00_{'a' * 26}", f"t_0g_{'a' * 26}")),
    *_each("all", (False, "true", 1, [], {})),
]


def names(answer: Answer, field: str) -> bool:
    """Tell whether the answer names the field, or a place inside it."""
    named = str(answer.body.get("field", ""))
    return named == field or named.startswith((f"{field}[", f"{field}."))


async def refused(
    world: World, who: Who, path: str, bodies: list[tuple[str, dict[str, Any]]]
) -> None:
    """Send them all; each is refused for its field, and nothing is left of any."""
    await world.settle()
    before = world.dump()
    for field, body in bodies:
        answer = await world.post(who, path, body)
        assert 400 <= answer.status < 500, (body, answer.raw)
        assert answer.status != 403 or field == "scopes", (body, answer.raw)
        assert names(answer, field), (field, body, answer.raw)
    assert world.dump() == before
    assert await world.told("lease.issued") == len(_leases(before))


def _leases(dump: dict[str, object]) -> list[str]:
    return [key for key in dump if ":l:l_" in key]


async def test_every_member_of_an_opening(world: World) -> None:
    """Types, alphabets, bounds, and members that there are not."""
    bodies = [(field, task_body(**{field: value})) for field, value in OPENINGS]

    await refused(world, ORCHESTRATOR, "/v1/tasks", bodies)


async def test_every_member_of_an_issue(world: World) -> None:
    """Labels are flat maps of texts; nothing of them is an entity, at any depth."""
    task = await world.open()
    bodies = [(field, issue_body(**{field: value})) for field, value in ISSUES]

    await refused(world, AGENT, f"/v1/tasks/{task['id']}/credentials", bodies)


@pytest.mark.parametrize("how", ["complete", "fail", "cancel"])
async def test_every_member_of_a_closing(world: World, how: str) -> None:
    """The task is still open afterwards."""
    task = await world.open()

    await refused(
        world,
        AGENT,
        f"/v1/tasks/{task['id']}/{how}",
        [(field, {field: value}) for field, value in CLOSINGS],
    )
    assert (await world.get(AGENT, f"/v1/tasks/{task['id']}"))["alive"]


async def test_every_member_of_claim_extension_renewal_and_heartbeat(world: World) -> None:
    """The small bodies."""
    task = await world.open()
    issued = await world.issue(task["id"])
    at_task = f"/v1/tasks/{task['id']}"
    handles = [("handle", {"handle": v}) for v in (*NO_TEXTS, *NO_STRINGS)]
    extensions = [("ttl_seconds", {"ttl_seconds": v}) for v in (*NO_SECONDS, None)]
    renewals = [("ttl_seconds", {"ttl_seconds": v}) for v in NO_SECONDS]

    await refused(
        world, AGENT, f"{at_task}/claim", [*handles, ("handle", {}), ("x", {"handle": "a", "x": 1})]
    )
    await refused(world, AGENT, f"{at_task}/extend", [*extensions, ("ttl_seconds", {})])
    await refused(
        world,
        AGENT,
        f"/v1/credentials/{issued['id']}/renew",
        [*renewals, ("scopes", {"scopes": ["orders:write"]}), ("more", {"more": 1})],
    )
    await refused(world, AGENT, f"{at_task}/heartbeat", [("more", {"more": 1})])


async def test_every_member_of_an_order(world: World) -> None:
    """And that exactly one thing is named."""
    good = {"agent": "invoice-bot", "reason": "x"}
    bodies = [(field, {"reason": "x", field: value}) for field, value in ORDERS_GIVEN]
    bodies += [("reason", {**good, "reason": value}) for _, value in CLOSINGS[:-1]]
    bodies += [
        ("reason", {"agent": "invoice-bot"}),
        ("selector", {"reason": "x"}),
        ("selector", {**good, "tenant": "acme"}),
        ("selector", {**good, "all": True}),
        ("in_tenant", {**good, "in_tenant": "a b"}),
        ("in_tenant", {"tenant": "acme", "reason": "x", "in_tenant": "acme"}),
        ("in_tenant", {"all": True, "reason": "x", "in_tenant": "a b"}),
        ("more", {**good, "more": 1}),
    ]

    await refused(world, OPERATOR, "/v1/revocations", bodies)
    assert await world.told("revocation.ordered") == 0


async def test_every_member_of_an_acknowledgement(world: World) -> None:
    """Of the feed."""
    good: dict[str, Any] = {"subscriber": "subscriber-1", "seq": 0}
    bodies = [
        *(("subscriber", {**good, "subscriber": v}) for v in (*NO_STRINGS, "", "short", "A" * 9)),
        *(("seq", {**good, "seq": v}) for v in (-1, 2**53, 1.5, "1", None, True)),
        *(("epoch", {**good, "epoch": v}) for v in (*NO_STRINGS, "a b", "a" * 65)),
        ("subscriber", {"seq": 0}),
        ("seq", {"subscriber": "subscriber-1"}),
        ("more", {**good, "more": 1}),
    ]

    await refused(world, ORDERS, "/v1/feed/ack", bodies)


QUERIES: Final = [
    ("/v1/tasks", "limit", ("0", "-1", "201", "1.5", "1e2", "x", "", "%D9%A1", "9" * 30)),
    ("/v1/tasks", "cursor", ("%00", "%C3%BC", "a" * 513, "x")),
    ("/v1/tasks", "state", ("thawed", "OPEN", "x")),
    ("/v1/tasks", "tenant", ("a%20b", "%00", "*", "a" * 129)),
    ("/v1/tasks", "agent", ("a%20b", "%0a", "*", "a" * 129)),
    ("/v1/tasks", "more", ("1",)),
    ("/v1/tasks/{task}", "more", ("1",)),
    ("/v1/tasks/{task}/report", "limit", ("0", "201", "x")),
    ("/v1/tasks/{task}/report", "more", ("1",)),
    ("/v1/tasks/{task}/credentials", "limit", ("0", "201", "x")),
    ("/v1/tasks/{task}/credentials", "state", ("dead", "ACTIVE", "")),
]


@pytest.mark.parametrize(
    ("path", "name", "values"), QUERIES, ids=[f"{path} {name}" for path, name, _ in QUERIES]
)
async def test_every_query_parameter(
    world: World, path: str, name: str, values: tuple[str, ...]
) -> None:
    """Only the known, each once, each in its form."""
    task = await world.open()
    path = path.format(task=task["id"])
    before = world.dump()

    answers = [await world.get(OPERATOR, f"{path}?{name}={value}") for value in values]
    twice = await world.get(OPERATOR, f"{path}?{name}={values[0]}&{name}={values[0]}")

    assert {(answer.status, answer["field"]) for answer in (*answers, twice)} == {(400, name)}
    assert world.dump() == before


async def test_changes_take_no_query(world: World) -> None:
    """A parameter that would be ignored could be meant to narrow something."""
    task = await world.open()
    for path, body in (
        ("/v1/tasks?tenant=acme", task_body()),
        (f"/v1/tasks/{task['id']}/complete?reason=x", {}),
        ("/v1/revocations?agent=x", {"all": True, "reason": "x"}),
    ):
        answer = await world.post(OPERATOR, path, body)
        assert answer.status == 400
    assert (await world.get(AGENT, f"/v1/tasks/{task['id']}"))["alive"]


IDS: Final = (
    "x",
    "t_00_",
    "T_00_" + "a" * 26,
    "t_00_" + "a" * 25,
    "t_00_" + "a" * 27,
    "t_0G_" + "a" * 26,
    "t_00_" + "a" * 25 + "1",
    "t_00_" + "a" * 25 + "%0a",
    "%2e%2e",
    "t_00_" + "a" * 26 + "%00",
    "a" * 500,
    "%E2%80%AE",
)


@pytest.mark.parametrize("text", IDS)
async def test_malformed_ids_in_paths_are_refused(world: World, text: str) -> None:
    """Named by what they should be; nothing is looked up."""
    paths = {
        f"/v1/tasks/{text}": "task",
        f"/v1/tasks/{text}/report": "task",
        f"/v1/tasks/{text}/credentials": "task",
        f"/v1/credentials/{text}": "credential",
        f"/v1/revocations/{text}": "revocation",
        f"/v1/decisions/{text}": "decision",
    }

    for path, field in paths.items():
        answer = await world.get(OPERATOR, path)
        if answer.status == 404 and text == "%2e%2e":
            continue  # a client folds this away before it is sent
        assert (answer.status, answer["field"]) == (400, field), path
