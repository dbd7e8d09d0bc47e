"""The annotations ``@binding`` and ``@evidence``, and how several permits' terms combine."""

import pytest

from broker.policy.terms import narrowest, term_faults, terms_of
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
