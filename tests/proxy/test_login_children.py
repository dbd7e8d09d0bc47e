"""Children that say anything else than they may, and sessions as the child sees them."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

import pytest

from broker.proxy import Limits
from tests.fakes.eventually_true import eventually_true
from tests.fakes.login_child import initial, message, packet, start, state_of
from tests.fakes.login_lab import Holder, Lab, facing
from tests.fakes.login_server import KEY, READY, LoginServer
from tests.fakes.pretend_secrets import drawn

USER, PASSWORD = "jit_role", drawn("children", 24)
LIMITS = Limits(recheck_seconds=0.05, linger_seconds=0.05, head_seconds=5, connections=4)
SSL, GSS, CANCEL = (struct.pack("!i", code) for code in (80877103, 80877104, 80877102))
RUN = ("user", "run", "database", "orders")


async def echo(server: LoginServer) -> None:
    """Let the role in, and say back all that comes, as one row each."""
    await server.scram(PASSWORD)
    server.say(message(b"S", b"session_authorization\0jit_role\0") + KEY + READY)
    while piece := await server.reader.read(65_536):
        server.received += piece
        server.say(message(b"D", piece))


@contextlib.asynccontextmanager
async def opened(limits: Limits = LIMITS) -> AsyncIterator[tuple[Lab, LoginServer]]:
    """Open a relay to such a server."""
    server = LoginServer(echo)
    held = Holder(USER, PASSWORD, sslmode="disable")
    async with facing(server, held, limits=limits) as lab:
        yield lab, server


BEGINNINGS = {
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "too-short": struct.pack("!i", 7) + b"\0" * 3,
    "too-long": struct.pack("!i", 10_005),
    "negative": struct.pack("!i", -1),
    "protocol-2": start(*RUN, version=131_072),
    "protocol-4": start(*RUN, version=262_144),
    "no-end": packet(struct.pack("!i", 196_608) + b"user\0run"),
    "no-value": packet(struct.pack("!i", 196_608) + b"user\0run\0database\0\0"),
    "after-the-end": start("user", "run", "", "", "database", "orders"),
    "twice": start(*RUN, "user", "postgres"),
    "twice-in-capitals": start(*RUN, "Database", "postgres"),
    "odd-name": start(*RUN, "a b", "c"),
    "wish-with-more": packet(SSL + b"more"),
    "wish-twice": packet(SSL) + packet(SSL),
}


@pytest.mark.parametrize("beginning", sorted(BEGINNINGS))
async def test_a_beginning_that_can_be_read_in_two_ways_is_none(beginning: str) -> None:
    """Refused before anybody is asked who it is, and nothing is dialled."""
    async with opened() as (lab, server):
        child = await lab.child()
        child.say(BEGINNINGS[beginning])
        async with asyncio.timeout(20):
            error = (await child.rest()).lstrip(b"N")

    assert (error[:1], state_of(error[5:])) == (b"E", "08P01")
    assert (lab.ends, server.connections) == ([" malformed"], 0)


PROOFS = {
    "nothing-but-goodbye": message(b"X"),
    "a-query": message(b"Q", b"SELECT 1\0"),
    "in-the-clear": message(b"p", b"the password\0"),
    "bound": initial(b"p=tls-server-end-point,,n=,r=of-the-child", "SCRAM-SHA-256-PLUS"),
    "wrongly-counted": message(b"p", b"SCRAM-SHA-256\0\0\0\0\x01n,,n=,r=of-the-child"),
    "too-long": message(b"p", b"x" * 5_000),
    "negative": b"p\xff\xff\xff\xff",
}


@pytest.mark.parametrize("proof", sorted(PROOFS))
async def test_who_proves_nothing_is_not_let_in(proof: str) -> None:
    """And the server hears nothing of it."""
    async with opened() as (lab, server):
        child = await lab.child()
        child.say(start(*RUN))
        await child.hear()
        child.say(PROOFS[proof])
        async with asyncio.timeout(20):
            kind, body = await child.hear()

    assert kind == b"E"
    assert state_of(body) in {"28P01", "08P01"}
    assert server.connections == 0


async def test_a_silent_child_is_let_go() -> None:
    """Also one that stops in the middle of its beginning."""
    limits = Limits(head_seconds=0.1)
    async with opened(limits) as (lab, _):
        children = [await lab.child() for _ in range(3)]
        children[1].say(start(*RUN)[:9])
        children[2].say(start(*RUN))
        async with asyncio.timeout(20):
            heard = [await child.rest() for child in children]

    assert (heard[0], heard[1], heard[2][:1]) == (b"", b"", b"R")


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        (("user", "postgres", "database", "orders"), "28P01"),
        (("user", "run"), "3D000"),
        (("user", "run", "database", "payments"), "3D000"),
        ((*RUN, "replication", "true"), "0A000"),
        ((*RUN, "Replication", "database"), "0A000"),
    ],
    ids=["user", "no-database", "database", "replication", "capitals"],
)
async def test_who_knows_the_stand_in_still_has_one_database(
    settings: tuple[str, ...], state: str
) -> None:
    """The declared one, as the user that was given."""
    async with opened() as (lab, server):
        child = await lab.child()
        words = dict(zip(settings[::2], settings[1::2], strict=True))
        more = [w for n, v in words.items() if n not in {"user", "database"} for w in (n, v)]
        child.user, child.database = words["user"], words.get("database", "")
        (*_, (kind, body)) = await child.log_in(lab.stand_in, *more)

    assert (kind, state_of(body), server.connections) == (b"E", state, 0)


async def test_settings_go_to_the_server_and_names_of_the_child_do_not() -> None:
    """Search path and options pass as they are; user and database are the credential's."""
    more = ("application_name", "naïve", "options", "-c statement_timeout=5s")
    async with opened() as (lab, server):
        child = await lab.child()
        heard = await child.log_in(lab.stand_in, *more)
        received = bytes(server.received)

    wanted = ("user", USER, "database", "orders", *more)
    assert received.startswith(start(*wanted))
    assert lab.stand_in.encode() not in received
    assert [kind for kind, _ in heard] == [b"R", b"R", b"S", b"K", b"Z"]


async def test_a_younger_protocol_is_talked_down() -> None:
    """To 3.0, and extensions of it are named as unknown and not passed on."""
    async with opened() as (lab, server):
        child = await lab.child()
        child.say(packet(GSS) + packet(SSL))
        refusals = await child.reader.readexactly(2)
        child.version = 196_610
        heard = await child.log_in(lab.stand_in, "_pq_.wish", "yes")
        received = bytes(server.received)

    assert refusals == b"NN"
    assert child.negotiated == (b"v", struct.pack("!ii", 196_608, 1) + b"_pq_.wish\0")
    assert heard[-1][0] == b"Z"
    assert b"_pq_" not in received


async def test_the_server_s_key_stays_here() -> None:
    """The child has one of its own, which is good for its own session alone."""
    async with opened() as (lab, server):
        child = await lab.child()
        heard = dict(await child.log_in(lab.stand_in))
        key, begun = heard[b"K"], server.connections
        stranger, owner = [await lab.child() for _ in range(2)]
        stranger.say(packet(CANCEL + key[:4] + b"real"))
        nothing = await stranger.rest()
        after_stranger, received = server.connections, len(server.received)
        owner.say(packet(CANCEL + key))

        async def has_come() -> bool:
            return len(server.received) == received + 16

        await eventually_true(has_come, "the order")
        order = bytes(server.received)[received:]

    assert (key[:4], nothing, after_stranger) == (KEY[5:9], b"", begun)
    assert key[4:] != b"real"
    assert order == packet(CANCEL + KEY[5:])


async def test_the_password_does_not_come_back() -> None:
    """In whatever pieces; and no message waits for what may be the password's beginning."""
    async with opened() as (lab, server):
        child = await lab.child()
        await child.log_in(lab.stand_in)
        whole = message(b"D", f"it is {PASSWORD}, I say".encode())
        for begin in range(0, len(whole), 7):
            server.say(whole[begin : begin + 7])
            await asyncio.sleep(0.005)
        async with asyncio.timeout(20):
            _, masked = await child.hear()
            server.say(message(b"D", PASSWORD[:5].encode()))
            _, begun = await child.hear()
        child.close()
        await lab.told_uses()

    assert masked == f"it is {'*' * len(PASSWORD)}, I say".encode()
    assert begun == PASSWORD[:5].encode()
    assert lab.told.uses[0].masked


async def test_a_cut_says_so_between_messages_and_never_within_one() -> None:
    """A client reads either a readable error, or that the connection broke."""
    ends = []
    for half in (b"", message(b"D", b"row")[:6]):
        async with opened() as (lab, server):
            child = await lab.child()
            await child.log_in(lab.stand_in)
            server.say(half)
            await asyncio.sleep(0.02)
            lab.holder.is_held = False
            async with asyncio.timeout(20):
                ends.append((await child.rest(), half, await lab.told_uses()))

    (between, _, cut), (within, half, cut_too) = ends
    assert (between[:1], state_of(between[5:]), within) == (b"E", "57P01", half)
    assert cut == cut_too == ["LOGIN cut"]


async def test_another_lease_in_its_place_cuts_it_and_a_renewal_does_not() -> None:
    """A younger password of the same lease is not another credential."""
    async with opened() as (lab, _):
        child = await lab.child()
        await child.log_in(lab.stand_in)
        lab.holder.words["password"] = drawn("younger", 24)
        await asyncio.sleep(0.2)
        child.say(message(b"Q", b"still here"))
        async with asyncio.timeout(20):
            still = await child.hear()
            lab.holder.credential += "-another"
            cut = await child.rest()

    assert still == (b"D", message(b"Q", b"still here"))
    assert state_of(cut[5:]) == "57P01"


async def test_a_child_that_takes_nothing_is_cut_all_the_same() -> None:
    """The server is let go although there is more to say than anybody hears."""
    async with opened() as (lab, server):
        child = await lab.child()
        await child.log_in(lab.stand_in)
        for _ in range(64):
            server.say(message(b"D", b"x" * 262_144))
        await asyncio.sleep(0.05)
        lab.holder.is_held = False
        async with asyncio.timeout(20):
            told = await lab.told_uses()

    assert told == ["LOGIN cut"]


async def test_a_server_that_loses_its_way_ends_the_session() -> None:
    """Nobody could say what the next bytes are."""
    async with opened() as (lab, server):
        child = await lab.child()
        await child.log_in(lab.stand_in)
        server.say(b"D\0\0\0\0")
        async with asyncio.timeout(20):
            rest = await child.rest()
            told = await lab.told_uses()

    assert (rest, told) == (b"", ["LOGIN broken"])


async def test_one_session_too_many_is_told_so() -> None:
    """Those that are there go on."""
    async with opened(Limits(connections=1)) as (lab, _):
        await lab.tried()
        async with asyncio.timeout(20):
            error = await (await lab.child()).rest()
            lab.children[0].say(message(b"Q", b"on"))
            row = await lab.children[0].hear()

    assert (error[:1], state_of(error[5:])) == (b"E", "53300")
    assert row == (b"D", message(b"Q", b"on"))


async def test_strangers_make_room_for_the_child() -> None:
    """However many connections they hold."""
    async with opened() as (lab, _):
        strangers = [await lab.child() for _ in range(LIMITS.connections)]
        async with asyncio.timeout(20):
            heard = await lab.tried()
            gone = await strangers[0].rest()

    assert (heard[0], gone) == (b"Z", b"")


async def test_the_end_of_the_run_ends_sessions() -> None:
    """As it ends all else."""
    async with opened() as (lab, _):
        child = await lab.child()
        await child.log_in(lab.stand_in)

    async with asyncio.timeout(20):
        await child.rest()
    assert [use.outcome for use in lab.told.uses] == ["broken"]
