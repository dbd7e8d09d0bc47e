import ssl

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from broker.proxy.certificates import TaskAuthority

HOUR_MS = 3_600_000
NOW_MS = 1_800_000_000_000


@pytest.fixture(scope="module")
def authority() -> TaskAuthority:
    """One for two names."""
    return TaskAuthority(["a.test", "b.test"], now_ms=NOW_MS, expires_at_ms=NOW_MS + HOUR_MS)


def test_it_ends_with_the_task_and_speaks_for_its_names_only(authority: TaskAuthority) -> None:
    """So says its certificate, to every client that checks."""
    certificate = x509.load_pem_x509_certificate(authority.pem.encode())

    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert certificate.not_valid_after_utc.timestamp() * 1000 == NOW_MS + HOUR_MS
    assert constraints.critical
    assert constraints.value.permitted_subtrees == [x509.DNSName("a.test"), x509.DNSName("b.test")]
    assert len(constraints.value.excluded_subtrees or []) == 2
    assert (basic.critical, basic.value.path_length) == (True, 0)


def test_without_a_name_it_speaks_for_none() -> None:
    """A list of permitted names that is left out would permit all."""
    authority = TaskAuthority([], now_ms=NOW_MS, expires_at_ms=NOW_MS + HOUR_MS)
    certificate = x509.load_pem_x509_certificate(authority.pem.encode())

    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value

    assert constraints.permitted_subtrees is None
    assert x509.DNSName("") in (constraints.excluded_subtrees or [])


def test_two_tasks_have_nothing_in_common(authority: TaskAuthority) -> None:
    """One's certificate is worth nothing to the other's child."""
    other = TaskAuthority(["a.test"], now_ms=NOW_MS, expires_at_ms=NOW_MS + HOUR_MS)

    first, second = (x509.load_pem_x509_certificate(a.pem.encode()) for a in (authority, other))

    assert first.public_key() != second.public_key()
    assert first.subject.get_attributes_for_oid(NameOID.COMMON_NAME)


def test_a_name_that_was_not_declared_gets_no_certificate(authority: TaskAuthority) -> None:
    """Whatever asks for it."""
    assert isinstance(authority.context("a.test"), ssl.SSLContext)
    with pytest.raises(KeyError):
        authority.context("c.test")
