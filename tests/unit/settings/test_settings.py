"""What makes the broker's own settings wrong although every value has its type."""

from pathlib import Path

import msgspec
import pytest

from broker.settings.limits import TaskLimits
from broker.settings.listening import Listen, TlsFiles
from broker.settings.settings import Audit, BundleFiles, KeyFiles, Settings, issuer_fault
from broker.settings.store import StoreSettings

NOWHERE = Path("/nowhere")


def settings(**changes: object) -> Settings:
    """Make sound settings, and then change some."""
    sound = Settings(
        issuer="https://broker.example",
        store=StoreSettings(url="redis://127.0.0.1:6379/0"),
        keys=KeyFiles(directory=NOWHERE),
        issuers=NOWHERE,
        bundle=BundleFiles(
            agents=NOWHERE,
            capabilities=NOWHERE,
            resource_servers=NOWHERE,
            schema=NOWHERE,
            policies=NOWHERE,
        ),
        audit=Audit(file=NOWHERE),
    )
    return msgspec.structs.replace(sound, **changes)


def keys_of(value: Settings | Listen | TaskLimits) -> list[tuple[str | int, ...]]:
    """Return where there are faults."""
    return [fault.path for fault in value.faults()]


def test_sound_settings_have_no_fault() -> None:
    """The defaults are a configuration that may be used."""
    assert keys_of(settings()) == []
    assert keys_of(Listen()) == []
    assert keys_of(TaskLimits()) == []


@pytest.mark.parametrize(
    "listen",
    [
        Listen(address="127.0.0.1"),
        Listen(address="::1"),
        Listen(unix=NOWHERE),
        Listen(address="0.0.0.0", tls=TlsFiles(cert_file=NOWHERE, key_file=NOWHERE)),  # noqa: S104
        Listen(address="10.0.0.1", trusted_proxies=("10.0.0.0/24",)),
    ],
)
def test_a_listener_nobody_can_overhear_is_accepted(listen: Listen) -> None:
    """Loopback, a unix socket, TLS, or TLS ended by a named proxy."""
    assert keys_of(listen) == []


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "192.168.1.1", "169.254.0.1"])  # noqa: S104
def test_a_listener_in_the_clear_is_refused(address: str) -> None:
    """Beyond loopback, tokens never travel without TLS."""
    assert keys_of(Listen(address=address)) == [("address",)]


@pytest.mark.parametrize("address", ["localhost", "", "*", "127.0.0.1:80", "127.1", "0x7f.1"])
def test_a_listener_is_an_address_and_not_a_name(address: str) -> None:
    """A name, or a spelling that others read otherwise, could come to mean another address."""
    assert keys_of(Listen(address=address)) == [("address",)]


def test_a_proxy_that_is_everybody_is_refused() -> None:
    """A network of all addresses, or none at all, is no trusted proxy."""
    listen = Listen(trusted_proxies=("0.0.0.0/0", "::/0", "10.0.0.1/24", "proxy", "10.0.0.0/24"))

    assert keys_of(listen) == [("trusted_proxies", index) for index in range(4)]


def test_a_unix_socket_stands_alone() -> None:
    """Neither an address nor a shared port goes with it."""
    assert keys_of(Listen(unix=NOWHERE, port=1234, reuse_port=True)) == [
        ("unix",),
        ("reuse_port",),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://broker.example",
        "https://broker.example:8443/tenant",
        "http://127.0.0.1:8700",
        "http://localhost",
        "http://[::1]:8700",
    ],
)
def test_an_issuer_is_https_or_loopback(url: str) -> None:
    """These names may stand in a token's ``iss``."""
    assert issuer_fault(url) is None


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "broker",
            "ftp://x",
            "http://broker.example",
            "https://",
            "https://x/?",
            "https://x#",
        ),
        *("https://u@x", "https://x?q=1", "https://x/#f", "https://x y", "https://x\n", "//x"),
        *("https://x:port", "http://127.0.0.1.evil.example", "http://localhost@evil", "https://ä"),
    ],
)
def test_anything_else_is_no_issuer(url: str) -> None:
    """RFC 8414 §2: https, without query, fragment or credentials; http only on loopback."""
    assert issuer_fault(url) is not None
    assert keys_of(settings(issuer=url)) == [("issuer",)]


@pytest.mark.parametrize(("retention", "is_sound"), [(99, False), (100, True), (101, True)])
def test_the_ledger_remembers_at_least_as_long_as_a_task_lives(
    retention: int, *, is_sound: bool
) -> None:
    """A tombstone outlives the credential."""
    limits = TaskLimits(max_ttl_seconds=100, default_idle_seconds=10)

    faults = keys_of(settings(tasks=limits, retention_seconds=retention))

    assert (faults == []) is is_sound


def test_nobody_may_be_silent_longer_than_a_task_lives() -> None:
    """An idle timeout that can never strike is a mistake."""
    assert keys_of(TaskLimits(max_ttl_seconds=100, default_idle_seconds=101)) == [
        ("default_idle_seconds",)
    ]
