"""May this server hold the ledger? Asked at start and while running, because settings drift.

A server that evicts keys forgets leases that are alive (2000 of 2000, silently, in the experiment
that led to this file); one without an append-only file forgets everything when it dies.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from redis.exceptions import NoPermissionError, ResponseError

from broker.errors import StoreUnavailableError
from broker.settings.store import Durability
from broker.store.link import Link

OLDEST_MAJOR: Final = 7
"""Scripts with flags came with Redis 7.0; without them a script may write past the memory limit."""

MEMORY_ALARM_PERCENT: Final = 70
"""Early enough to act: beyond the limit the server refuses new leases."""

UNSEEN: Final[set[str]] = set()

Facts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a server, and the remedy. A ``blocking`` one forbids to mint."""

    severity: Literal["blocking", "warning"]
    message: str
    remedy: str

    def __str__(self) -> str:
        """Write it for operators."""
        return f"{self.message}: {self.remedy}"


async def inspect(link: Link, durability: Durability) -> list[Finding]:
    """Ask every primary what it is and how it is set up; no finding means that all is well.

    Raises:
        StoreUnavailableError: a server does not answer, so nothing is known.
    """
    try:
        answers = await link.each_server("INFO")
    except StoreUnavailableError as error:
        if isinstance(error.__cause__, NoPermissionError):
            return [_blocking("the ACL user may not run INFO", _grant("info"))]
        raise
    servers = [_parse_info(answer) for answer in answers]
    findings = [finding for server in servers for finding in _judge(server)]
    return [*findings, *await _judge_configuration(link, servers, durability)]


async def programs(link: Link) -> list[str]:
    """Name what runs at the primaries, with its version: each once.

    Raises:
        StoreUnavailableError: a server does not answer, or will not tell.
    """
    answers = [_parse_info(answer) for answer in await link.each_server("INFO")]
    return sorted({_program(server) for server in answers})


def _program(server: Facts) -> str:
    """Name a server's program. A Valkey states a version of Redis, too: what it stands in for."""
    if "valkey_version" in server:
        return f"Valkey {server['valkey_version']}"
    return f"Redis {server.get('redis_version', 'of an unknown version')}"


def _judge(server: Facts) -> Iterator[Finding]:
    yield from _judge_kind(server)
    yield from _judge_memory(server)
    yield from _judge_persistence(server)


def _judge_kind(server: Facts) -> Iterator[Finding]:
    version = server.get("redis_version", "0")
    if int(version.partition(".")[0]) < OLDEST_MAJOR:
        yield _blocking(f"version {version}{_where(server)} is too old", "upgrade to 7.0 or newer")
    if server.get("role") != "master":
        yield _blocking(f"a replica{_where(server)} answers", "name the primary in store.url")
    if server.get("loading") != "0":
        yield _blocking(f"the server{_where(server)} loads its data", "wait until it has")


def _judge_memory(server: Facts) -> Iterator[Finding]:
    policy = server.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        yield _blocking(
            f"maxmemory-policy is {policy}{_where(server)}: leases that are alive may be evicted",
            "CONFIG SET maxmemory-policy noeviction",
        )
    limit, used = int(server.get("maxmemory", 0)), int(server.get("used_memory", 0))
    if limit and used * 100 > limit * MEMORY_ALARM_PERCENT:
        yield Finding(
            "warning",
            f"{used * 100 // limit} % of maxmemory is used{_where(server)}",
            "raise maxmemory before new leases are refused",
        )


def _judge_persistence(server: Facts) -> Iterator[Finding]:
    if server.get("aof_enabled") != "1":
        yield _blocking(
            f"appendonly is off{_where(server)}: a restart forgets the ledger",
            "CONFIG SET appendonly yes, and write it to the server's configuration file",
        )
    elif server.get("aof_last_write_status") != "ok":
        yield _blocking(
            f"the append-only file cannot be written{_where(server)}",
            "look at the server's disk and log; it refuses writes until then",
        )


async def _judge_configuration(
    link: Link, servers: list[Facts], durability: Durability
) -> list[Finding]:
    """Judge what INFO does not tell."""
    findings: list[Finding] = []
    if durability == "fsync":
        findings += await _judge_fsync(link)
    if any(server.get("cluster_enabled") == "1" for server in servers):
        findings += await _judge_coverage(link)
    return findings


async def _judge_fsync(link: Link) -> list[Finding]:
    moments = await _setting(link, "appendfsync")
    if moments == UNSEEN:
        return [_blocking("whether appendfsync is always cannot be seen", _grant("config|get"))]
    if moments != {"always"}:
        return [
            _blocking(
                "appendfsync is not always: power loss may forget what was acknowledged",
                "CONFIG SET appendfsync always, or set store.durability to os",
            )
        ]
    if await _setting(link, "no-appendfsync-on-rewrite") != {"no"}:
        return [
            _blocking(
                "no-appendfsync-on-rewrite suspends appendfsync during a rewrite",
                "CONFIG SET no-appendfsync-on-rewrite no",
            )
        ]
    return []


async def _judge_coverage(link: Link) -> list[Finding]:
    if await _setting(link, "cluster-require-full-coverage") in ({"no"}, UNSEEN):
        return []
    return [
        Finding(
            "warning",
            "cluster-require-full-coverage is on: one lost shard stops every task",
            "CONFIG SET cluster-require-full-coverage no",
        )
    ]


async def _setting(link: Link, name: str) -> set[str]:
    """Read one setting at every primary; :data:`UNSEEN` when a server will not tell."""
    try:
        replies = await link.each_server("CONFIG", "GET", name)
    except StoreUnavailableError as error:
        if isinstance(error.__cause__, ResponseError):  # no permission, or no such command
            return UNSEEN
        raise
    return {str(pair[1]) for pair in replies} if all(replies) else UNSEEN


def _parse_info(answer: str) -> Facts:
    lines = (line.partition(":") for line in str(answer).splitlines() if ":" in line)
    return {name: value for name, _, value in lines}


def _where(server: Facts) -> str:
    """Name the server where there are several."""
    return f" (port {server.get('tcp_port')})" if server.get("cluster_enabled") == "1" else ""


def _blocking(message: str, remedy: str) -> Finding:
    return Finding("blocking", message, remedy)


def _grant(permission: str) -> str:
    return f"ACL SETUSER <the broker's user> +{permission}"
