"""A request passes by its route and by what the lease says; what either has not goes nowhere."""

import pytest

from broker.proxy import HeldValues
from broker.proxy.declared import Route, parse_routes
from broker.proxy.leased import may_fit
from broker.reach.reach import NOTHING, Reach, parse_reach
from broker.secret import Secret
from tests.fakes.eventually_true import eventually_true
from tests.fakes.login_lab import Holder, facing
from tests.fakes.login_server import LoginServer
from tests.fakes.pretend_secrets import drawn
from tests.fakes.proxy_lab import HOST, LEASE, OTHER, TOKEN, Lab
from tests.proxy.test_aws_signing import S3, Order, signed, told
from tests.proxy.test_lasting import streaming
from tests.proxy.test_login_children import echo


def hold(lab: Lab, reach: Reach | None, token: str = TOKEN) -> None:
    """Let the lease of the lab's credential say this."""
    lab.source.held["orders"] = HeldValues(LEASE, {"access_token": Secret(token)}, reach)


def reach(lab: Lab, *paths: str, **line: object) -> Reach:
    """Open some paths at the lab's server."""
    first = {"host": HOST, "port": lab.upstream.port, "methods": ["GET"], "paths": list(paths)}
    return parse_reach([first | line])


async def test_what_both_have_passes(lab: Lab) -> None:
    """The route is wider than the lease here."""
    hold(lab, reach(lab, "/v1/orders/{id}"))
    child = await lab.inside()

    reply = await child.say(lab.request("/v1/orders/7?page=2"))

    assert reply.status == 200
    assert lab.upstream.received[0].values("authorization") == [f"Bearer {TOKEN}"]


async def test_a_lease_that_does_not_say_leaves_it_to_the_routes(lab: Lab) -> None:
    """As it is with a capability without a reach."""
    hold(lab, None)
    child = await lab.inside()

    assert (await child.say(lab.request("/v1/files/a/b"))).status == 200


@pytest.mark.parametrize(
    ("line", "method", "target"),
    [
        ({}, "GET", "/v1/files/a"),
        ({}, "GET", "/v1/orders/%37x"),
        ({}, "POST", "/v1/orders/7"),
        ({}, "HEAD", "/v1/orders/7"),
        ({"port": 1}, "GET", "/v1/orders/7"),
        ({"host": OTHER}, "GET", "/v1/orders/7"),
        ({"scheme": "http"}, "GET", "/v1/orders/7"),
    ],
    ids=["path", "other-id", "method", "head", "port", "host", "scheme"],
)
async def test_what_the_lease_has_not_is_refused_although_a_route_has_it(
    lab: Lab, line: dict[str, object], method: str, target: str
) -> None:
    """Nothing is sent; the use says why, and names no credential, for none was put in."""
    hold(lab, reach(lab, "/v1/orders/7", **line))
    child = await lab.inside()

    child.writer.write(lab.request(target, method=method))
    reply = await child.hear(has_body=method != "HEAD")

    assert reply.status == 403
    assert b"(jit-broker: beyond-lease)" in reply.head
    assert lab.upstream.received == []
    (use,) = await lab.told_uses()
    assert (use.outcome, use.problem, use.need, use.rule, use.credential) == (
        *("refused", "beyond-lease", "orders", "read", ""),
    )


async def test_an_empty_reach_opens_nothing(lab: Lab) -> None:
    """So does one that cannot be read: the holder of credentials hands on this one then."""
    hold(lab, NOTHING)
    child = await lab.inside()

    reply = await child.say(lab.request())

    assert (reply.status, reply.problem, lab.upstream.received) == (403, "beyond-lease", [])


async def test_the_reach_that_comes_with_a_renewal_counts_for_the_next_request(lab: Lab) -> None:
    """Narrower, and wider again; on one connection."""
    child, statuses = await lab.inside(), []
    for paths in (["/v1/orders"], ["/v1/files/**"], ["/v1/**"]):
        hold(lab, reach(lab, *paths), token=f"renewed-{len(statuses)}")
        statuses.append((await child.say(lab.request())).status)

    shown = [got.values("authorization") for got in lab.upstream.received]
    assert statuses == [200, 403, 200]
    assert shown == [["Bearer renewed-0"], ["Bearer renewed-2"]]


async def test_a_request_without_a_credential_is_no_affair_of_the_lease(lab: Lab) -> None:
    """Nothing is put in, so nothing could be done with it."""
    hold(lab, NOTHING)
    child = await lab.inside()

    reply = await child.say(lab.request().replace(lab.shown.encode(), b""))

    assert (reply.status, lab.source.asked) == (200, 0)


async def test_a_route_that_puts_in_always_is_held_to_the_lease_too(lab: Lab) -> None:
    """The child shows nothing here, and would be given something."""
    hold(lab, reach(lab, "/v1/x"))
    child = await lab.child()
    at = f"{HOST}:{lab.plain.port}"
    text = f"GET http://{at}/v1/x HTTP/1.1\r\nHost: {at}\r\n{lab.word_line}\r\n"

    reply = await child.say(text.encode())

    assert (reply.status, reply.problem, lab.plain.received) == (403, "beyond-lease", [])


async def test_a_stream_is_cut_when_the_lease_does_not_reach_so_far_any_more(lab: Lab) -> None:
    """A renewal that leaves it within cuts nothing."""
    hold(lab, reach(lab, "/v1/orders"))
    child = await streaming(lab)
    hold(lab, reach(lab, "/v1/**"), token="renewed")
    asked = lab.source.asked

    async def is_looked_at() -> bool:
        return lab.source.asked >= asked + 2

    await eventually_true(is_looked_at, "a second look")
    assert not child.reader.at_eof()
    hold(lab, reach(lab, "/v1/files/**"))

    async def is_cut() -> bool:
        return any(use.outcome == "cut" for use in lab.told.uses)

    await eventually_true(is_cut, "the cut")


async def test_aws_s_tools_are_told_in_their_own_form(lab: Lab) -> None:
    """The stand-in's signature was good; nothing is signed anew."""
    held = lab.source.held["files"]
    within = parse_reach(
        [{"host": S3, "port": lab.upstream.port, "methods": ["PUT"], "paths": ["/bucket/**"]}]
    )
    lab.source.held["files"] = HeldValues(LEASE, held.values, within)
    child = await lab.inside(S3)

    reply = await child.say(told(signed(lab, Order())))

    assert (reply.status, lab.upstream.received) == (403, [])
    assert b"<Code>beyond-lease</Code>" in reply.body


async def test_no_database_is_within_a_reach() -> None:
    """What speaks of HTTP alone lets nobody log in."""
    holder = Holder("jit_role", drawn("children", 24), sslmode="disable")
    holder.reach = NOTHING
    server = LoginServer(echo)
    async with facing(server, holder) as lab:
        last = await lab.tried()
        ends = await lab.told_uses()

    assert b"C28000\0" in last[1]
    assert (ends, server.received) == (["LOGIN beyond-lease"], b"")


def test_a_route_to_a_server_that_the_lease_does_not_know_fits_never() -> None:
    """One of which anything is open may."""
    (route,) = parse_routes([{"need": "n", "host": "a.test", "methods": ["GET"], "paths": ["/x"]}])
    line: dict[str, object] = {"host": "a.test", "methods": ["POST"], "paths": ["/y"]}

    assert isinstance(route, Route)
    assert may_fit(route, None)
    assert may_fit(route, parse_reach([line]))
    assert not may_fit(route, parse_reach([{**line, "port": 8443}]))
    assert not may_fit(route, parse_reach([{**line, "host": "b.test"}]))
    assert not may_fit(route, NOTHING)
