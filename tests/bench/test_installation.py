"""The benchmark runs the shipped policies with everything on; only limits are raised."""

from pathlib import Path

from broker.clock import SystemClock
from broker.governance.bundle import Bundle
from broker.governance.published import Published
from broker.settings.load import load_document
from broker.settings.settings import Settings
from tests.bench.installation import LOOKS_AT_EVERYTHING, PLENTY, SHIPPED, Addresses, write

ADDRESSES = Addresses("unix:///tmp/none.sock", "http://127.0.0.1:9999", 8711)


def installed(state: Path, workers: int = 2) -> list[Settings]:
    """Write it and read it back."""
    files = write(state, ADDRESSES, workers=workers)
    return [load_document(file, Settings) for file in files]


def test_workers_share_everything(tmp_path: Path) -> None:
    """As several brokers on one machine do: port, ledger, keys and audit file."""
    one, two = installed(tmp_path)

    assert one.listen.reuse_port
    assert one == two


def test_nothing_is_so_low_that_it_refuses(tmp_path: Path) -> None:
    """Quotas are counted, and never reached."""
    [settings] = installed(tmp_path, workers=1)
    published = _published(settings)

    assert published.quotas.of_agent("invoice-bot") == PLENTY
    assert published.quotas.of_tenant("acme") == PLENTY
    assert settings.tasks.max_live_credentials >= 100_000
    assert settings.limits.connections_per_peer >= 500


def test_the_policies_are_those_that_are_shipped(tmp_path: Path) -> None:
    """Byte for byte."""
    [settings] = installed(tmp_path, workers=1)
    shipped = load_document(SHIPPED / "broker.yaml", Settings)

    assert _published(settings).engine.version == _published(shipped).engine.version


def test_the_other_policy_changes_no_decision_and_is_valid(tmp_path: Path) -> None:
    """The shipped self-test of the policies passes with it."""
    [settings] = installed(tmp_path, workers=1)
    (settings.bundle.policies / "99-bench.cedar").write_text(LOOKS_AT_EVERYTHING)

    assert _published(settings).engine.version != ""


def _published(settings: Settings) -> Published:
    return Published.of(
        Bundle.from_files(settings.bundle), revision=1, quotas=settings.quotas, clock=SystemClock()
    )
