"""The watchers of store, clock, issuers and feed: each looks often and reports to the gate."""

from typing import Final

from broker.attestation.attestation import Attestation
from broker.audit.json_lines import JsonLinesSink
from broker.clock import Clock, rfc3339
from broker.errors import StoreUnavailableError
from broker.feed.shipper import Shipper
from broker.gate import Gate, Hindrance
from broker.metrics import Metrics
from broker.settings.store import StoreSettings
from broker.store.ledger_clock import LedgerClock
from broker.store.link import Link
from broker.store.server_guard import inspect

STORE: Final = "store"
CLOCK: Final = "clock"
FEED: Final = "feed"
ISSUERS: Final = "issuers"


class StoreWatch:
    """Keeps the gate shut while the server is gone, or is not what the durability level needs."""

    def __init__(self, link: Link, settings: StoreSettings, gate: Gate, metrics: Metrics) -> None:
        self._link = link
        self._settings = settings
        self._gate = gate
        self._metrics = metrics

    async def look(self) -> None:
        """Inspect every server."""
        try:
            findings = await inspect(self._link, self._settings.durability)
        except StoreUnavailableError as error:
            self._metrics.store_up(is_up=False)
            self._gate.report(STORE, Hindrance(str(error), "bring Redis back; nothing else to do"))
            return
        self._metrics.store_up(is_up=True)
        blocking = [Hindrance(f.message, f.remedy) for f in findings if f.severity == "blocking"]
        self._gate.report(STORE, *blocking)


class ClockWatch:
    """Keeps the gate shut while the ledger's clock and this machine's are too far apart.

    With wrong clocks nobody can say what has expired: nothing is given and nothing is swept by age;
    taking away goes on (DESIGN §4). The scripts judge the same, call by call; this says it to
    operators.
    """

    def __init__(self, ledger: LedgerClock, clock: Clock, gate: Gate, *, max_skew_ms: int) -> None:
        self._ledger = ledger
        self._clock = clock
        self._gate = gate
        self._max_skew_ms = max_skew_ms
        self._former: tuple[int, int] | None = None
        self.is_right = False

    async def look(self) -> None:
        """Compare the clocks."""
        try:
            skew_ms = await self._skew_ms()
            bucket, furthest_ms = await self._ledger.furthest_bucket()
        except StoreUnavailableError:
            return  # the store's watcher reports it
        self.is_right = abs(skew_ms) <= self._max_skew_ms
        if not self.is_right:
            self._gate.report(CLOCK, _apart(skew_ms))
        elif furthest_ms - self._clock.now_ms() > self._max_skew_ms:
            self._gate.report(CLOCK, _ahead(bucket, furthest_ms))
        else:
            self._gate.report(CLOCK)

    async def _skew_ms(self) -> int:
        """Return the largest distance.

        To this machine's wall clock, or a jump of the ledger's clock against this machine's
        monotonic one since the last look.
        """
        before = self._clock.monotonic_ms()
        servers = await self._ledger.servers()
        monotonic = (before + self._clock.monotonic_ms()) // 2
        now_ms, latest = self._clock.now_ms(), max(servers)
        jump = 0
        if self._former is not None:
            jump = (latest - self._former[0]) - (monotonic - self._former[1])
        self._former = (latest, monotonic)
        return max(jump, *(server - now_ms for server in servers), key=abs)


def _apart(skew_ms: int) -> Hindrance:
    return Hindrance(
        f"the ledger's clock is {skew_ms} ms away from this machine's",
        "set the clocks right (NTP) on both; the broker goes on by itself",
    )


def _ahead(bucket: int, furthest_ms: int) -> Hindrance:
    return Hindrance(
        f"the ledger's own clock has run ahead in bucket {bucket:02x}: its server's was wrong",
        f"wait until {rfc3339(furthest_ms)}: it never goes back, so that nothing lives too long",
    )


class IssuerWatch:
    """Says whose workload tokens cannot be verified, and shuts the gate when nobody's can."""

    def __init__(self, attestation: Attestation, gate: Gate) -> None:
        self._attestation = attestation
        self._gate = gate

    async def look(self) -> None:
        """Start every refresh that is due, and see whose keys are missing."""
        self._attestation.tick()
        missing = [
            Hindrance(
                f"no usable keys of issuer {name}: its tokens are refused",
                "bring its key set back; see the log for what failed",
            )
            for name in self._attestation.without_keys()
        ]
        is_all = len(missing) == self._attestation.issuer_count
        self._gate.report(ISSUERS, *(missing if is_all else ()))
        self._gate.remark(ISSUERS, *(() if is_all else missing))


class FeedWatch:
    """Keeps the gate shut while what happened cannot be recorded.

    An outbox that is not shipped, or an audit trail that cannot be written (F10). Revocation
    goes on, its records are caught up.
    """

    def __init__(self, shipper: Shipper, sink: JsonLinesSink, gate: Gate) -> None:
        self._shipper = shipper
        self._sink = sink
        self._gate = gate

    async def look(self) -> None:
        """Ask the shipper and the audit trail."""
        hindrances = [
            Hindrance(reason, "see the log; it is caught up once this is mended")
            for reason in self._shipper.reasons()
        ]
        if not self._sink.is_healthy():
            hindrances.append(
                Hindrance(
                    f"audit: {self._sink.reason()}", "mend the file or its disk; it is caught up"
                )
            )
        self._gate.report(FEED, *hindrances)
