"""The audit finds what it is for, and nothing else."""

import pytest

from broker.store.link import HEADER, Link, Script
from tests.fakes.key_audit import KeyAudit, Undeclared
from tests.fakes.redis_servers import SingleServer

KEY = "{b07}:a b\n"
HONEST = Script(
    "honest",
    HEADER + "redis.call('HSET', KEYS[1], 'field', ARGV[1]) return redis.call('TIME')",
)
SLY = Script("sly", HEADER + "return redis.call('SINTERSTORE', KEYS[1], 'one', KEYS[1] .. 'x')")
WAITING = Script("waiting", HEADER + "return redis.call('XREAD', 'STREAMS', KEYS[1], 's', 0, 0)")


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_declared_keys_are_no_finding(link: Link, single: SingleServer) -> None:
    """Fields, values and commands without keys are not taken for keys."""
    async with KeyAudit(single) as audit:
        await link.run(HONEST, [KEY], ["value"])
        await link.run(HONEST, [KEY], ["value"])

    assert audit.undeclared == []
    assert audit.scripts == {HONEST.sha}


@pytest.mark.parametrize("link", ["mux"], indirect=True)
async def test_undeclared_keys_are_found_wherever_they_stand(
    link: Link, single: SingleServer
) -> None:
    """The server itself says which words of a command are keys."""
    async with KeyAudit(single) as audit:
        await link.run(SLY, [KEY])
        await link.run(WAITING, [KEY])

    assert set(audit.undeclared) == {
        Undeclared(SLY.sha, "SINTERSTORE", "one"),
        Undeclared(SLY.sha, "SINTERSTORE", f"{KEY}x"),
        Undeclared(WAITING.sha, "XREAD", "s"),
    }
