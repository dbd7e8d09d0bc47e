"""The ``store`` section: what is accepted, and what each fault says."""

import msgspec
import pytest

from broker.settings.store import StoreSettings


def faults_of(**section: object) -> list[tuple[tuple[str | int, ...], str, str]]:
    """Decode a section as the loader does and list its faults."""
    settings = msgspec.convert({"url": "redis://localhost/0", **section}, StoreSettings)
    return [(fault.path, fault.message, fault.remedy) for fault in settings.faults()]


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"url": "redis://10.0.0.1:6380"},
        {"url": "redis://[::1]:6379/15"},
        {"url": "rediss://redis.example/0", "ca_file": "ca.pem"},
        {"url": "rediss://redis.example", "cert_file": "a.pem", "key_file": "a.key"},
        {"url": "unix:///run/redis/a%20b.sock"},
        {"url": "redis://node-1.example", "cluster": True},
        {"username": "broker", "password_file": "/run/secrets/redis"},
        {"namespace": "jit-2", "buckets": 256, "durability": "fsync", "deadline_ms": 50},
        {"buckets": 1, "deadline_ms": 60_000},
    ],
)
def test_a_sound_section_has_no_faults(section: dict[str, object]) -> None:
    """What people may write."""
    assert faults_of(**section) == []


@pytest.mark.parametrize(
    ("section", "path", "message"),
    [
        ({"url": "redis://:hunter2@host/0"}, "url", "it holds a password"),
        ({"url": "redis://me@host/0"}, "url", "it holds a user name"),
        ({"url": "redis://host/0?timeout=5"}, "url", "it holds options"),
        ({"url": "redis://host/0#x"}, "url", "it holds options"),
        ({"url": "http://host/0"}, "url", "its scheme is not known"),
        ({"url": "host:6379"}, "url", "its scheme is not known"),
        ({"url": ""}, "url", "its scheme is not known"),
        ({"url": "redis:///0"}, "url", "it names no host, or no port of it"),
        ({"url": "redis://host/jit"}, "url", "its path is not a database number"),
        ({"url": "redis://host/0/1"}, "url", "its path is not a database number"),
        ({"url": "redis://host/٣"}, "url", "its path is not a database number"),
        ({"url": "redis://host:port/0"}, "url", "it is not a URL"),
        ({"url": "redis://host:70000/0"}, "url", "it is not a URL"),
        ({"url": "redis://[::1/0"}, "url", "it is not a URL"),
        ({"url": "unix://run/redis.sock"}, "url", "it names no socket"),
        ({"url": "unix:///"}, "url", "it names no socket"),
        ({"url": "unix:///a.sock", "cluster": True}, "url", "a cluster has no unix socket"),
        ({"url": "redis://host/1", "cluster": True}, "url", "a cluster has database 0 only"),
        ({"ca_file": "ca.pem"}, "ca_file", "is for TLS, and url is not"),
        ({"url": "rediss://host", "cert_file": "a.pem"}, "key_file", "is missing"),
        ({"url": "rediss://host", "key_file": "a.key"}, "cert_file", "is missing"),
        ({"username": "broker"}, "username", "has no password"),
        ({"namespace": ""}, "namespace", "must be 1 to 32 of a-z, 0-9 and -"),
        ({"namespace": "a:b"}, "namespace", "must be 1 to 32 of a-z, 0-9 and -"),
        ({"namespace": "a{b}"}, "namespace", "must be 1 to 32 of a-z, 0-9 and -"),
        ({"namespace": "jit\n"}, "namespace", "must be 1 to 32 of a-z, 0-9 and -"),
        ({"buckets": 0}, "buckets", "is not a power of two up to 256"),
        ({"buckets": 12}, "buckets", "is not a power of two up to 256"),
        ({"buckets": 512}, "buckets", "is not a power of two up to 256"),
        ({"buckets": -16}, "buckets", "is not a power of two up to 256"),
        ({"deadline_ms": 49}, "deadline_ms", "must be 50 to 60000 milliseconds"),
        ({"deadline_ms": 60_001}, "deadline_ms", "must be 50 to 60000 milliseconds"),
    ],
)
def test_a_fault_names_its_key(section: dict[str, object], path: str, message: str) -> None:
    """One fault, at the key that must change, with something to do about it."""
    [(where, what, remedy)] = faults_of(**section)

    assert where == (path,)
    assert what == message
    assert remedy


def test_all_faults_come_at_once() -> None:
    """Nobody should have to start the broker three times to learn of three mistakes."""
    found = faults_of(url="ftp://x", username="u", buckets=3, namespace="!", deadline_ms=0)

    assert [path for path, _, _ in found] == [
        ("url",),
        ("username",),
        ("namespace",),
        ("buckets",),
        ("deadline_ms",),
    ]


def test_a_fault_never_repeats_the_url() -> None:
    """A URL that holds a password is refused without being shown."""
    assert "hunter2" not in repr(faults_of(url="redis://me:hunter2@host:x/0"))
    assert "hunter2" not in repr(faults_of(url="redis://me:hunter2@host/0"))


@pytest.mark.parametrize(
    "section", [{"durability": "replicas"}, {"retries": 3}, {"buckets": "16"}, {"url": None}]
)
def test_what_has_another_type_is_refused(section: dict[str, object]) -> None:
    """Unknown keys and wrong types do not reach the faults."""
    with pytest.raises(msgspec.ValidationError):
        faults_of(**section)
