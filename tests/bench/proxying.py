"""``python -m tests.bench.proxying``: requests through the injecting proxy beside direct ones.

Client, server and proxy share one process: so the ratio says what a request costs more, at worst,
and not how many a machine carries. Rounds alternate, and the median of each side counts.
"""

import argparse
import asyncio
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from tests.fakes.proxy_lab import HOST, TOKEN, Lab, Received, Upstream, opened

LARGE: Final = 32 * 1024 * 1024
_MIB: Final = 1024 * 1024


class Ratio(msgspec.Struct, frozen=True):
    """One measure: the medians of both sides."""

    what: str
    direct: float
    proxied: float

    @property
    def share(self) -> float:
        """How much of the direct side's rate is left."""
        return self.proxied / self.direct


class Side:
    """One way to the server, over a connection that is kept."""

    def __init__(
        self, session: aiohttp.ClientSession, port: int, trust: ssl.SSLContext, proxy: str | None
    ) -> None:
        self._session = session
        self._at = f"https://{HOST}:{port}/v1/files"
        self._trust = trust
        self._proxy = proxy

    async def small(self, count: int) -> float:
        """Ask so many times for little; return requests for a second."""
        began = time.perf_counter()
        for _ in range(count):
            await self._get("small")
        return count / (time.perf_counter() - began)

    async def large(self) -> float:
        """Ask once for much; return MiB for a second."""
        began = time.perf_counter()
        got = await self._get("large")
        return got / _MIB / (time.perf_counter() - began)

    async def _get(self, name: str) -> int:
        async with self._session.get(
            f"{self._at}/{name}", ssl=self._trust, proxy=self._proxy
        ) as answer:
            answer.raise_for_status()
            return len(await answer.read())


class _HereResolver(aiohttp.abc.AbstractResolver):
    """Every name is this machine's."""

    async def resolve(
        self, host: str, port: int = 0, family: int = 0
    ) -> list[aiohttp.abc.ResolveResult]:
        return [
            aiohttp.abc.ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """There is nothing to close."""


async def _answer(_: Upstream, got: Received, writer: asyncio.StreamWriter) -> None:
    size = LARGE if got.line.split()[1].endswith("/large") else 200
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (size, bytes(size)))
    await writer.drain()


async def compare(rounds: int, requests: int) -> list[Ratio]:
    """Measure requests and bytes for a second, each direct and through the proxy."""
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder)) as lab:
            lab.upstream.answer = _answer
            return await _compared(lab, rounds, requests)


async def _compared(lab: Lab, rounds: int, requests: int) -> list[Ratio]:
    port = lab.upstream.port
    own = ssl.create_default_context(cafile=lab.upstream_ca)
    task = ssl.create_default_context(cadata=lab.proxy.authority_pem)
    real, stand_in = ({"Authorization": f"Bearer {word}"} for word in (TOKEN, lab.stand_in))
    here = aiohttp.TCPConnector(resolver=_HereResolver())
    async with (
        aiohttp.ClientSession(headers=real, connector=here) as first,
        aiohttp.ClientSession(headers=stand_in) as second,
    ):
        direct = Side(first, port, own, None)
        proxied = Side(second, port, task, lab.proxy.url.reveal())
        sides = (direct, proxied)
        return [
            Ratio("requests/s", *await _medians(sides, lambda s: s.small(requests), rounds)),
            Ratio("MiB/s", *await _medians(sides, Side.large, rounds)),
        ]


async def _medians(
    sides: Sequence[Side], measure: Callable[[Side], Awaitable[float]], rounds: int
) -> list[float]:
    for side in sides:
        await measure(side)
    found = [[await measure(side) for side in sides] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*found, strict=True)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line for each measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=400)
    options = parser.parse_args(arguments)
    for ratio in asyncio.run(compare(options.rounds, options.requests)):
        sys.stdout.write(
            f"{ratio.what:<12} direct {ratio.direct:9.0f}   proxied {ratio.proxied:9.0f}"
            f"   {ratio.share:.2f}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
