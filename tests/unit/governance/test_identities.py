"""Only the stated workload identities show an agent's name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.governance.identities import is_allowed
from broker.governance.records import IdentityRecord

ISSUER = "https://issuer.example"
STATED = (
    IdentityRecord(issuer=ISSUER, subject="system:serviceaccount:billing:bot"),
    IdentityRecord(issuer="https://ci.example", subject="repo:acme/*"),
)


@pytest.mark.parametrize(
    ("issuer", "subject"),
    [
        (ISSUER, "system:serviceaccount:billing:bot"),
        ("https://ci.example", "repo:acme/orders:ref:refs/heads/main"),
        ("https://ci.example", "repo:acme/"),
    ],
)
def test_a_stated_identity_is_let_in(issuer: str, subject: str) -> None:
    """Exactly, or with any rest where a stem is stated."""
    assert is_allowed(STATED, issuer, subject)


@pytest.mark.parametrize(
    ("issuer", "subject"),
    [
        ("https://ci.example", "system:serviceaccount:billing:bot"),
        (ISSUER, "repo:acme/orders"),
        (ISSUER, ""),
        (ISSUER, "system:serviceaccount:billing:bot2"),
        (ISSUER, "system:serviceaccount:billing:bo"),
        (ISSUER, "System:serviceaccount:billing:bot"),
        (ISSUER, "system:serviceaccount:billing:bot\x00"),
        (ISSUER, " system:serviceaccount:billing:bot"),
        (ISSUER + "/", "system:serviceaccount:billing:bot"),
        (ISSUER.upper(), "system:serviceaccount:billing:bot"),
        ("https://ci.example", "repo:acme"),
        ("https://ci.example", "repo:acme-evil/x"),
        ("https://ci.example", "xrepo:acme/x"),
        ("https://ci.example", "repo:acme\uff0fx"),
        ("https://ci.example", "repo:acme\udc2f"),
        ("", "*"),
        ("*", "*"),
    ],
)
def test_another_identity_is_refused(issuer: str, subject: str) -> None:
    """Another issuer's word for the same subject, a stem without its end, look-alikes, a star."""
    assert not is_allowed(STATED, issuer, subject)


def test_a_lone_surrogate_does_not_pass_for_a_question_mark() -> None:
    """Nothing is replaced before it is compared."""
    stated = (IdentityRecord(issuer=ISSUER, subject="a?b"),)

    assert is_allowed(stated, ISSUER, "a?b")
    assert not is_allowed(stated, ISSUER, "a\udc80b")


def test_a_star_alone_stands_for_every_subject_of_its_issuer() -> None:
    """And of no other."""
    stated = (IdentityRecord(issuer=ISSUER, subject="*"),)

    assert is_allowed(stated, ISSUER, "whoever")
    assert not is_allowed(stated, "https://other.example", "whoever")


def test_nobody_is_allowed_by_nothing() -> None:
    """An empty list lets nobody in."""
    assert not is_allowed((), ISSUER, "x")


@given(st.text(), st.text(min_size=1, max_size=8))
def test_what_is_stated_exactly_fits_nothing_longer(subject: str, more: str) -> None:
    """Only a star at the end stands for a rest."""
    exact = STATED[0]

    assert not is_allowed((exact,), ISSUER, exact.subject + more)
    assert is_allowed((exact,), ISSUER, subject) == (subject == exact.subject)
