"""What Prometheus sees."""

from prometheus_client.parser import text_string_to_metric_families

from broker.metrics import Metrics


def make() -> Metrics:
    """Make metrics with small closed sets."""
    return Metrics(durability="fsync", reasons=("expired",), actions=("OpenTask",))


def samples(metrics: Metrics) -> dict[str, float]:
    """Read the exposition back, as Prometheus would."""
    text = metrics.exposition().body.decode()
    return {
        sample.name + "".join(f"|{value}" for _, value in sorted(sample.labels.items())): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_everything_counts_what_it_says() -> None:
    """One call each, seen from outside."""
    metrics = make()
    metrics.requested("GET", "/v1/tasks", 200)
    metrics.requested("GET", "/v1/tasks", 200)
    metrics.requested("", "", 404)
    metrics.cut("no-place")
    metrics.issued(0.004)
    metrics.attested("ok")
    metrics.decided("OpenTask", "deny")
    metrics.shadowed("now-refused", 2)
    metrics.shipped(0.2)
    metrics.acknowledged(3.0)
    metrics.stuck(2)
    metrics.lists("cloud", {"lost": 2}, 7.5, 0.25)
    metrics.reconciled_lists("cloud", {"missing": 3})
    metrics.live(4)
    metrics.outbox(5)
    metrics.reaper_lag(0.5)
    metrics.reaper_failed()
    metrics.store_up(is_up=True)

    assert EXPECTED.items() <= samples(metrics).items()


EXPECTED = {
    "jit_requests_total|GET /v1/tasks|200": 2,
    "jit_requests_total|unmatched|404": 1,
    "jit_connections_cut_total|no-place": 1,
    "jit_issue_seconds_count": 1,
    "jit_issue_seconds_bucket|0.0025": 0,
    "jit_issue_seconds_bucket|0.005": 1,
    "jit_attestations_total|ok": 1,
    "jit_decisions_total|OpenTask|deny": 1,
    "jit_shadow_decisions_total|now-refused": 2,
    "jit_revocation_lag_seconds_sum|shipped": 0.2,
    "jit_revocation_lag_seconds_sum|acknowledged": 3.0,
    "jit_revocations_stuck": 2,
    "jit_deny_lists|cloud|lost": 2,
    "jit_deny_list_age_seconds|cloud": 7.5,
    "jit_deny_list_free_ratio|cloud": 0.25,
    "jit_reconcile_lists|missing|cloud": 3,
    "jit_live_credentials": 4,
    "jit_outbox_entries": 5,
    "jit_reaper_lag_seconds": 0.5,
    "jit_reaper_failures_total": 1,
    "jit_store_up": 1,
    "jit_info|fsync": 1,
}


def test_no_word_from_outside_makes_a_series() -> None:
    """Ten thousand of them are one (F14)."""
    metrics = make()
    for number in range(10_000):
        metrics.cut(f"cut-{number}")
        metrics.attested(f"reason-{number}")
        metrics.shadowed(f"outcome-{number}", 1)
        metrics.decided(f"action-{number}", f"outcome-{number}")

    seen = samples(metrics)

    assert seen["jit_attestations_total|other"] == 10_000
    assert seen["jit_decisions_total|other|other"] == 10_000
    assert len(seen) < 100


def test_registries_are_apart() -> None:
    """Two brokers in one process do not count for each other."""
    one, other = make(), make()
    one.stuck(7)

    assert samples(other)["jit_revocations_stuck"] == 0


def test_the_ledger_is_down_until_it_is_seen_up() -> None:
    """Nothing is claimed that nobody has looked at."""
    assert samples(make())["jit_store_up"] == 0
