"""The floor: the least that a broker in Python must do for a request, and nothing else.

A bare aiohttp handler on one multiplexed Redis connection, with JOSE written out for the two
algorithms in use. No policy, no quota, no audit, no metrics, no limits, no routes but three, and no
answer to anything that goes wrong but a 500. It is what the product is measured against, so it is
as lean as one can reasonably write it; it is no example of how to write a broker.

=================  =============================================================================
``/issue``         verifies an ES256 workload token, writes a 12-field record with four indexes
                   by one script, signs a token
``/introspect``    verifies one of its own tokens (its caller's is remembered), asks one script
``/complete``      verifies an ES256 workload token, writes by one script
=================  =============================================================================
"""

import argparse
import asyncio
import secrets
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from broker.clock import SystemClock
from broker.signing.key_files import read_private_key
from tests.bench.floor_jose import Jose
from tests.bench.floor_wire import Wire
from tests.bench.loops import LOOPS, run

RECORD: Final = """
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIREAT', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[4], ARGV[2], ARGV[1])
redis.call('SADD', KEYS[5], ARGV[1])
return 1"""
LOOK: Final = "return redis.call('HMGET', KEYS[1], 'state', 'exp', 'scope', 'agent', 'task')"
CLOSE: Final = """
redis.call('HSET', KEYS[1], 'state', 'completed', 'closed', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return 1"""

_AUDIENCE: Final = "https://orders.example"
_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.decode


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """What ``/issue`` takes."""

    task: str
    capability: str
    scopes: list[str]
    ttl_seconds: int
    labels: dict[str, str]


class Grant(NamedTuple):
    """What was wished for, by whom, and what it got."""

    wish: Wish
    who: Mapping[str, Any]
    lease: str
    scope: str
    now_ms: int
    expires_ms: int


class Floor:
    """The three handlers."""

    def __init__(self, jose: Jose, wire: Wire, digests: Sequence[bytes]) -> None:
        self._jose = jose
        self._wire = wire
        self._record, self._look, self._close = digests
        self._now_ms = SystemClock().now_ms
        self._remembered: dict[bytes, Mapping[str, Any]] = {}
        self._wish = msgspec.json.Decoder(Wish)

    async def issue(self, request: web.Request) -> web.Response:
        """Issue a token."""
        wish = self._wish.decode(await request.read())
        who = self._jose.caller(_bearer(request))
        now_ms = self._now_ms()
        expires_ms = now_ms + wish.ttl_seconds * 1000
        lease = f"l_00_{secrets.token_hex(13)}"
        grant = Grant(wish, who, lease, " ".join(wish.scopes), now_ms, expires_ms)
        keys, fields = _record(grant)
        await self._wire.call("EVALSHA", self._record, len(keys), *keys, lease, expires_ms, *fields)
        body = _encode(_issued(grant, self._jose.signed(_claims(grant))))
        return web.Response(body=body, status=201, content_type="application/json")

    async def introspect(self, request: web.Request) -> web.Response:
        """Say whether a token is alive."""
        who = _bearer(request)
        if who not in self._remembered:
            self._remembered[who] = self._jose.caller(who)
        form = dict(parse_qsl((await request.read()).decode("ascii")))
        claims = self._jose.own(form["token"].encode())
        state, *_ = await self._wire.call("EVALSHA", self._look, 1, f"floor:l:{claims['jti']}")
        body = {**claims, "active": state == b"active", "token_type": "Bearer"}
        return web.Response(body=_encode(body), content_type="application/json")

    async def complete(self, request: web.Request) -> web.Response:
        """End a task."""
        task = _decode(await request.read())["task"]
        who = self._jose.caller(_bearer(request))
        now = self._now_ms()
        await self._wire.call("EVALSHA", self._close, 2, f"floor:t:{task}", "floor:due", task, now)
        body = {"task": {"id": task, "state": "completed", "closed_by": who["sub"]}, "at": now}
        return web.Response(body=_encode(body), content_type="application/json")


def _bearer(request: web.Request) -> bytes:
    return request.headers["Authorization"][7:].encode()


def _record(of: Grant) -> tuple[list[str], list[str | int]]:
    """Name the keys and the twelve fields of a record."""
    wish, who = of.wish, of.who
    keys = [
        f"floor:l:{of.lease}",
        "floor:expiry",
        f"floor:agent:{who['sub']}",
        f"floor:tenant:{who['tenant']}",
        f"floor:task:{wish.task}",
    ]
    fields: list[str | int] = ["state", "active", "task", wish.task, "agent", who["sub"]]
    fields += ["tenant", who["tenant"], "instance", who["instance"], "issuer", who["iss"]]
    fields += ["capability", wish.capability, "scope", of.scope, "audience", _AUDIENCE]
    fields += ["issued", of.now_ms, "exp", of.expires_ms, "labels", _encode(wish.labels).decode()]
    return keys, fields


def _claims(of: Grant) -> dict[str, object]:
    """Build as many claims as the product's tokens have."""
    wish, who = of.wish, of.who
    agent = who["sub"]
    return {
        "iss": "http://127.0.0.1:8700",
        "sub": f"agent:{agent}",
        "aud": _AUDIENCE,
        "exp": of.expires_ms // 1000,
        "iat": of.now_ms // 1000,
        "jti": of.lease,
        "client_id": agent,
        "scope": of.scope,
        "task": wish.task,
        "path": [wish.task],
        "agent": agent,
        "instance": who["instance"],
        "capability": wish.capability,
        "tenant": who["tenant"],
        "evidence_issuer": who["iss"],
        "act": {"sub": f"agent:{agent}"},
        "iat_ms": of.now_ms,
    }


def _issued(of: Grant, token: str) -> dict[str, object]:
    """Build an answer as long as the product's."""
    return {
        "id": of.lease,
        "task": of.wish.task,
        "kind": "jwt",
        "capability": of.wish.capability,
        "audience": _AUDIENCE,
        "access_token": token,
        "token_type": "Bearer",
        "scope": of.scope,
        "expires_in": of.wish.ttl_seconds,
        "expires_at": of.expires_ms,
        "max_expires_at": of.expires_ms,
        "issued_at": of.now_ms,
        "generation": 1,
        "renewable": False,
    }


async def serve(port: int, redis: str, jose: Jose) -> None:
    """Serve until SIGTERM or SIGINT."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    _, wire = await loop.create_unix_connection(Wire, redis)
    scripts = (RECORD, LOOK, CLOSE)
    floor = Floor(jose, wire, [await wire.call("SCRIPT", "LOAD", text) for text in scripts])
    app = web.Application()
    for path, handler in (
        ("/issue", floor.issue),
        ("/introspect", floor.introspect),
        ("/complete", floor.complete),
    ):
        app.router.add_post(path, handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, reuse_port=True, backlog=1024).start()
        await stopping.wait()
    finally:
        await runner.cleanup()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one worker."""
    parser = argparse.ArgumentParser(prog="tests.bench.floor", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--redis", required=True, help="the server's unix socket")
    parser.add_argument("--workload-key", type=Path, required=True, help="the issuer's PEM file")
    parser.add_argument("--issuer", required=True, help="the issuer's name")
    parser.add_argument("--key", type=Path, required=True, help="our own PEM file")
    parser.add_argument("--loop", choices=LOOPS, default="asyncio")
    options = parser.parse_args(arguments)
    workload = read_private_key(options.workload_key).public_key()
    if not isinstance(workload, ec.EllipticCurvePublicKey):
        parser.error("the workload tokens are not ES256")
    jose = Jose(workload, options.issuer, read_private_key(options.key))
    run(serve(options.port, options.redis, jose), options.loop)


if __name__ == "__main__":
    main()
