"""``cnf`` and the keys that a request has proven."""

import pytest

from broker.proof.confirmation import (
    NOTHING_PROVEN,
    Binding,
    Confirmation,
    ConfirmationError,
    ProvenKeys,
    of_certificate,
    read_claim,
)

ONE, OTHER = of_certificate(b"one"), of_certificate(b"other")
DPOP = Confirmation(Binding.DPOP, ONE.thumbprint)


@pytest.mark.parametrize("key", [ONE, DPOP])
def test_a_claim_is_written_and_read(key: Confirmation) -> None:
    """Each kind under its own member."""
    assert read_claim(key.to_claim()) == key


def test_a_certificate_is_named_by_the_hash_of_its_der() -> None:
    """RFC 8705 §3.1: SHA-256, base64url, no padding."""
    assert of_certificate(b"").to_claim() == {
        "x5t#S256": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    }


@pytest.mark.parametrize(
    "claim",
    [
        None,
        "text",
        [],
        {},
        {"jkt": None},
        {"jkt": ""},
        {"jkt": "short"},
        {"jkt": ONE.thumbprint + "="},
        {"jkt": ONE.thumbprint[:-1] + "B"},
        {"jkt": ONE.thumbprint, "x5t#S256": OTHER.thumbprint},
        {"jwk": {}},
        {"kid": "k"},
        {"x5t": ONE.thumbprint},
    ],
)
def test_a_claim_that_cannot_be_checked_is_refused(claim: object) -> None:
    """Whoever cannot check it must not take the token."""
    with pytest.raises(ConfirmationError):
        read_claim(claim)


def test_one_kind_of_key_does_not_stand_for_the_other() -> None:
    """Though the thumbprint be the same."""
    assert ProvenKeys(certificate=ONE).include(ONE)
    assert not ProvenKeys(certificate=ONE).include(OTHER)
    assert not ProvenKeys(certificate=ONE).include(DPOP)
    assert not NOTHING_PROVEN.include(ONE)


def test_a_proof_is_bound_to_before_a_certificate() -> None:
    """Certificates rotate, keys of proofs do not; what is not allowed is passed over."""
    both = ProvenKeys(dpop=DPOP, certificate=ONE)

    assert both.first_of(frozenset(Binding)) == DPOP
    assert both.first_of(frozenset({Binding.MTLS})) == ONE
    assert both.first_of(frozenset()) is None
    assert NOTHING_PROVEN.first_of(frozenset(Binding)) is None
