"""What Prometheus may know.

Labels come from closed sets: the route table, the HTTP statuses, and the words that are given to
the constructor. A word from nowhere is counted as ``other``, so that no caller can make a series
(dangers F14). Each process counts for itself, in a registry of its own.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

ATTESTED: Final = "ok"
"""The reason of an attestation that succeeded."""

NO_TOKEN: Final = "no-token"  # noqa: S105 - a label, not a secret
"""The reason of a request without evidence."""

CUTS: Final = ("no-place", "head-too-slow", "head-too-long", "answer-unread", "unreadable")
"""Why the server ends a connection on its own account."""

OUTCOMES: Final = ("permit", "deny", "needsapproval")
"""The decisions of :mod:`broker.model.decision`, in lower case."""

_OTHER: Final = "other"

SHADOWED: Final = ("same", "now-refused", "now-granted", "missed", "failed")
"""What an answer of a candidate comes to (:mod:`broker.shadow`)."""
_UNMATCHED: Final = "unmatched"

_ISSUE_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LAG_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)


@dataclass(frozen=True, slots=True)
class Exposition:
    """The text that a scrape gets."""

    body: bytes
    content_type: str


class Metrics:
    """The broker's counters. Methods are cheap, never fail and never wait.

    ``reasons`` are the words of attestation failures, ``actions`` those of policy decisions.
    """

    def __init__(
        self, *, durability: str, reasons: Collection[str], actions: Collection[str]
    ) -> None:
        self.registry = CollectorRegistry()
        self._reasons = frozenset(reasons) | {ATTESTED, NO_TOKEN}
        self._actions = frozenset(actions)
        self._requests: dict[tuple[str, str, int], Counter] = {}
        self._attested: dict[str, Counter] = {}
        self._decided: dict[tuple[str, str], Counter] = {}
        self._make_requests()
        self._make_decisions()
        self._make_revocations()
        self._make_redecisions()
        self._make_states(durability)

    def requested(self, method: str, route: str, status: int) -> None:
        """Count one answered request.

        ``route`` is a template of the route table, empty when no route matched: never the path
        that came.
        """
        key = (method, route, status)
        counter = self._requests.get(key)
        if counter is None:
            name = f"{method} {route}" if route else _UNMATCHED
            counter = self._requests[key] = self._request_counts.labels(name, str(status))
        counter.inc()

    def cut(self, reason: str) -> None:
        """Count one connection that the server ended, by one of :data:`CUTS`."""
        self._cuts.labels(reason if reason in CUTS else _OTHER).inc()

    def issued(self, seconds: float) -> None:
        """Note how long issuing one credential took, from the request to the answer."""
        self._issue_seconds.observe(seconds)

    def attested(self, reason: str) -> None:
        """Count one attestation, successful ones as ``ok``."""
        counter = self._attested.get(reason)
        if counter is None:
            known = reason if reason in self._reasons else _OTHER
            counter = self._attestations.labels(known)
            if known == reason:
                self._attested[reason] = counter
        counter.inc()

    def decided(self, action: str, outcome: str) -> None:
        """Count one decision of policy."""
        counter = self._decided.get((action, outcome))
        if counter is None:
            known = action if action in self._actions else _OTHER
            named = outcome if outcome in OUTCOMES else _OTHER
            counter = self._decisions.labels(known, named)
            if (known, named) == (action, outcome):
                self._decided[action, outcome] = counter
        counter.inc()

    def shadowed(self, outcome: str, count: int) -> None:
        """Count answers of a candidate that decides beside what is published."""
        self._shadowed.labels(outcome if outcome in SHADOWED else _OTHER).inc(count)

    def shipped(self, seconds: float) -> None:
        """Note how long an event took from the ledger into the feed log."""
        self._shipping_lag.observe(seconds)

    def acknowledged(self, seconds: float) -> None:
        """Note how long an end took from the ledger to a subscriber's acknowledgement."""
        self._acknowledged_lag.observe(seconds)

    def stuck(self, revocations: int) -> None:
        """Show how many revocations do not get through to their target."""
        self._stuck.set(revocations)

    def dying(self, waiting: int, overdue: int) -> None:
        """Show how many ended credentials are not dead at their target, and for too long."""
        self._dying.set(waiting)
        self._overdue.set(overdue)

    def target_called(self, target: str, operation: str, outcome: str) -> None:
        """Count one call of a target; targets come from the configuration only."""
        self._target_calls.labels(target, operation, outcome).inc()

    def reconciled(self, target: str, at_s: float, found: Mapping[str, int]) -> None:
        """Show when a target was compared with the ledger last, and what differed, by kind."""
        self._reconciled.labels(target).set(at_s)
        for kind, count in found.items():
            self._differing.labels(target, kind).set(count)

    def reconciled_lists(self, target: str, found: Mapping[str, int]) -> None:
        """Show how many lists of what a target refuses differed when they were compared last."""
        for kind, count in found.items():
            self._differing_lists.labels(target, kind).set(count)

    def lists(self, target: str, worries: Mapping[str, int], oldest_s: float, room: float) -> None:
        """Show how the lists are of what a target refuses.

        ``worries`` counts them by what is wrong, ``oldest_s`` is for how long the oldest was not
        confirmed, ``room`` what part is left of the fullest.
        """
        for worry, count in worries.items():
            self._lists.labels(target, worry).set(count)
        self._list_age.labels(target).set(oldest_s)
        self._list_room.labels(target).set(room)

    def facts(self, revision: int, age_ms: int) -> None:
        """Show which revision of the facts decisions read, and how long ago it was the newest."""
        self._facts_revision.set(revision)
        self._facts_age.set(age_ms / 1000 if age_ms >= 0 else -1)

    def facts_changed(self, changes: int) -> None:
        """Count changes of facts that this broker made."""
        self._facts_changes.inc(changes)

    def panicked(self) -> None:
        """Count an order that came by the panic socket: whoever is on call should know."""
        self._panics.inc()

    def redecided(self, *, kept: int, ended: int, undecided: int) -> None:
        """Count leases that were decided again, by what came of it."""
        for outcome, count in (("kept", kept), ("ended", ended), ("undecided", undecided)):
            self._redecided.labels(outcome).inc(count)

    def redecided_bucket(self, seconds: float) -> None:
        """Note how long after a change of the facts a bucket was looked at to its end."""
        self._redeciding_lag.observe(seconds)

    def redeciding_waits(self, seconds: float, buckets: int) -> None:
        """Show how many buckets wait for that, and for how long the one that waits longest."""
        self._redeciding_waits.set(seconds)
        self._redeciding_buckets.set(buckets)

    def live(self, credentials: int) -> None:
        """Show how many credentials are alive."""
        self._live_credentials.set(credentials)

    def outbox(self, entries: int) -> None:
        """Show how many outbox entries wait to be moved into the feed."""
        self._outbox.set(entries)

    def reaper_lag(self, seconds: float) -> None:
        """Show how late the oldest due work is."""
        self._reaper_lag.set(seconds)

    def reaper_failed(self) -> None:
        """Count a piece of due work that failed, and will be tried again."""
        self._reaper_failures.inc()

    def store_up(self, is_up: bool) -> None:  # noqa: FBT001 - the one argument, named by the method
        """Show whether the ledger answers."""
        self._store_up.set(int(is_up))

    def exposition(self) -> Exposition:
        """Write everything down for a scrape."""
        return Exposition(generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4)

    def _make_requests(self) -> None:
        self._request_counts = Counter(
            "jit_requests_total",
            "Requests by route and status.",
            ("route", "status"),
            registry=self.registry,
        )
        self._cuts = Counter(
            "jit_connections_cut_total",
            "Connections that the server ended on its own account.",
            ("reason",),
            registry=self.registry,
        )
        self._issue_seconds = Histogram(
            "jit_issue_seconds",
            "From the request for a credential to its answer.",
            buckets=_ISSUE_BUCKETS,
            registry=self.registry,
        )

    def _make_decisions(self) -> None:
        self._attestations = Counter(
            "jit_attestations_total",
            "Attestations by reason; 'ok' succeeded.",
            ("reason",),
            registry=self.registry,
        )
        self._decisions = Counter(
            "jit_decisions_total",
            "Decisions of policy.",
            ("action", "outcome"),
            registry=self.registry,
        )

        self._shadowed = Counter(
            "jit_shadow_decisions_total",
            "Answers of a candidate beside the published policies, by what they come to.",
            ("outcome",),
            registry=self.registry,
        )

    def _make_revocations(self) -> None:
        lag = Histogram(
            "jit_revocation_lag_seconds",
            "From the ledger's end of an access into the feed, and until a subscriber refused it.",
            ("stage",),
            buckets=_LAG_BUCKETS,
            registry=self.registry,
        )
        self._shipping_lag = lag.labels("shipped")
        self._acknowledged_lag = lag.labels("acknowledged")
        self._panics = Counter(
            "jit_panics_total", "Orders by the panic socket.", registry=self.registry
        )
        self._dying = self._gauge(
            "jit_kills_waiting", "Ended credentials that are not dead at their target yet."
        )
        self._overdue = self._gauge(
            "jit_kills_overdue", "Those of them that have been waiting for too long."
        )
        self._target_calls = Counter(
            "jit_target_calls_total",
            "Calls of targets.",
            ("target", "operation", "outcome"),
            registry=self.registry,
        )
        self._reconciled = self._gauge(
            "jit_reconcile_timestamp_seconds",
            "When a target was compared with the ledger last.",
            "target",
        )
        self._differing = self._gauge(
            "jit_reconcile_credentials",
            "Credentials by how target and ledger differed then.",
            "target",
            "differs",
        )
        self._stuck = self._gauge(
            "jit_revocations_stuck", "Revocations that do not get through to their target."
        )
        self._make_lists()

    def _make_lists(self) -> None:
        self._lists = self._gauge(
            "jit_deny_lists", "Lists of what a target refuses, by what is wrong.", "target", "worry"
        )
        self._list_age = self._gauge(
            "jit_deny_list_age_seconds", "How long ago the oldest of them was confirmed.", "target"
        )
        self._list_room = self._gauge(
            "jit_deny_list_free_ratio", "What part is left of the room of the fullest.", "target"
        )
        self._differing_lists = self._gauge(
            "jit_reconcile_lists", "Lists by how target and ledger differed.", "target", "differs"
        )

    def _make_redecisions(self) -> None:
        self._redecided = Counter(
            "jit_reevaluation_leases_total",
            "Live credentials that were decided again, by outcome.",
            ("outcome",),
            registry=self.registry,
        )
        self._redeciding_lag = Histogram(
            "jit_reevaluation_lag_seconds",
            "From a change of facts or policy until one bucket was decided again.",
            buckets=_LAG_BUCKETS,
            registry=self.registry,
        )
        self._redeciding_waits = self._gauge(
            "jit_reevaluation_waiting_seconds", "How long the bucket that waits longest has waited."
        )

        self._redeciding_buckets = self._gauge(
            "jit_reevaluation_waiting_buckets", "How many buckets wait to be decided again."
        )

    def _make_states(self, durability: str) -> None:
        self._live_credentials = self._gauge("jit_live_credentials", "Credentials that are alive.")
        self._outbox = self._gauge("jit_outbox_entries", "Outbox entries not yet in the feed.")
        self._reaper_lag = self._gauge("jit_reaper_lag_seconds", "How late the oldest due work is.")
        self._reaper_failures = Counter(
            "jit_reaper_failures_total",
            "Pieces of due work that failed and will be tried again.",
            registry=self.registry,
        )
        self._facts_revision = self._gauge(
            "jit_facts_revision", "The revision of the facts that decisions read."
        )
        self._facts_age = self._gauge(
            "jit_facts_age_seconds", "How long ago it was confirmed to be the newest; -1: never."
        )
        self._facts_changes = Counter(
            "jit_facts_changes_total",
            "Changes of facts that this process made.",
            registry=self.registry,
        )
        self._store_up = self._gauge("jit_store_up", "1 while the ledger answers.")
        info = Gauge("jit_info", "What this process is.", ("durability",), registry=self.registry)
        info.labels(durability).set(1)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)
