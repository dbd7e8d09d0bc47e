"""The annotations ``@binding`` and ``@evidence``, and how several permits' terms combine."""

import pytest

from broker.model.approval import Requirement
from broker.policy.terms import good_ms, narrowest, requirements, term_faults, terms_of
from broker.proof.confirmation import Binding


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dpop", {Binding.DPOP}),
        ("mtls", {Binding.MTLS}),
        ("any", {Binding.DPOP, Binding.MTLS}),
    ],
)
def test_a_binding_is_read(text: str, expected: set[Binding]) -> None:
    """Each word stands for the ways that will do."""
    annotations = {"id": "x", "binding": text}

    assert not list(term_faults(annotations, "permit"))
    assert terms_of(annotations).bindings == expected


def test_without_the_annotation_nothing_need_be_bound() -> None:
    """That is not the same as no way that will do."""
    assert terms_of({"id": "x"}).bindings is None
    assert narrowest((terms_of({"id": "x"}),)).bindings is None


@pytest.mark.parametrize("text", ["", "none", "DPOP", "dpop mtls", "tls", "any "])
def test_another_word_is_refused(text: str) -> None:
    """A mistyped obligation would bind nobody."""
    assert list(term_faults({"id": "x", "binding": text}, "permit"))


def test_a_binding_on_a_forbid_is_refused() -> None:
    """It would bind nobody either."""
    assert list(term_faults({"id": "x", "binding": "dpop"}, "forbid"))


def test_permits_combine_to_what_all_of_them_allow() -> None:
    """Down to nothing: then nobody can have it."""
    wide, dpop, mtls = (terms_of({"id": "x", "binding": b}) for b in ("any", "dpop", "mtls"))
    silent = terms_of({"id": "x"})

    assert narrowest((wide, silent, dpop)).bindings == {Binding.DPOP}
    assert narrowest((dpop, mtls)).bindings == frozenset()


def test_single_use_is_read_and_the_strictest_permit_counts() -> None:
    """One permit that asks for it is enough."""
    once, silent = terms_of({"id": "x", "evidence": "single-use"}), terms_of({"id": "x"})

    assert not list(term_faults({"id": "x", "evidence": "single-use"}, "permit"))
    assert (once.single_use, silent.single_use) == (True, False)
    assert narrowest((silent, once, silent)).single_use
    assert not narrowest((silent, silent)).single_use


@pytest.mark.parametrize("text", ["", "single_use", "Single-Use", "once", "single-use ", "false"])
def test_another_word_for_single_use_is_refused(text: str) -> None:
    """The remedy has the only word there is."""
    ((message, remedy),) = term_faults({"id": "x", "evidence": text}, "permit")

    assert message == "@evidence is malformed"
    assert '@evidence("single-use")' in remedy


def test_single_use_on_a_forbid_is_refused() -> None:
    """It would ask it of nobody."""
    assert list(term_faults({"id": "x", "evidence": "single-use"}, "forbid"))


def test_an_approval_says_who_how_many_and_for_how_long() -> None:
    """Without more, one of the groups is enough, and a yes is good for ten minutes."""
    plain = terms_of({"id": "x", "approval": "oncall"})
    whole = terms_of(
        {
            "id": "x",
            "approval": "security oncall",
            "approval_count": "2",
            "approval_excludes": "owner",
            "approval_seconds": "60",
        }
    )

    assert (plain.approval, plain.approval_ms) == (Requirement(("oncall",)), 600_000)
    assert whole.approval == Requirement(("oncall", "security"), 2, not_owner=True)
    assert requirements((plain, whole, plain)) == (plain.approval, whole.approval)
    assert good_ms((plain, whole)) == 60_000
    assert good_ms((terms_of({"id": "x"}),)) == 600_000


def test_an_approval_is_never_good_for_longer_than_a_day() -> None:
    """Whatever policy says."""
    asked = {"id": "x", "approval": "a", "approval_seconds": "999999999"}

    assert good_ms((terms_of(asked),)) == 86_400_000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("approval_count", "0"),
        ("approval_count", "10"),
        ("approval_count", "two"),
        ("approval_excludes", "opener"),
        ("approval_seconds", "0"),
        ("approval_seconds", "1.5"),
    ],
)
def test_a_malformed_approval_is_refused(name: str, text: str) -> None:
    """Not read as something near it."""
    assert list(term_faults({"id": "x", "approval": "oncall", name: text}, "permit"))


@pytest.mark.parametrize("name", ["approval_count", "approval_excludes", "approval_seconds"])
def test_how_to_agree_without_who_is_refused(name: str) -> None:
    """It would ask nobody."""
    text = {"approval_count": "2", "approval_excludes": "owner"}.get(name, "60")

    [(message, _)] = term_faults({"id": "x", name: text}, "permit")
    assert "asks nobody" in message
