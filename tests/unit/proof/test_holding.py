"""The rule of possession: which scheme and which key."""

import pytest

from broker.proof.authorization import Scheme
from broker.proof.confirmation import NOTHING_PROVEN, Binding, Confirmation, ProvenKeys
from broker.proof.holding import UnheldError, ensure_held, ensure_scheme

JKT, OTHER_JKT = (Confirmation(Binding.DPOP, each * 43) for each in "AE")
X5T, OTHER_X5T = (Confirmation(Binding.MTLS, each * 43) for each in "AE")


@pytest.mark.parametrize(("key", "scheme"), [(JKT, Scheme.DPOP), (X5T, Scheme.BEARER)])
def test_the_right_key_under_the_right_scheme_is_held(key: Confirmation, scheme: Scheme) -> None:
    """Whatever else the request proves."""
    ensure_held(key, scheme, ProvenKeys(dpop=JKT, certificate=X5T))


@pytest.mark.parametrize(
    ("key", "scheme"),
    [(JKT, Scheme.BEARER), (JKT, None), (X5T, Scheme.DPOP), (X5T, None)],
)
def test_under_another_scheme_nothing_is_held(key: Confirmation, scheme: Scheme | None) -> None:
    """RFC 9449 §7.2: also when the key is proven."""
    with pytest.raises(UnheldError):
        ensure_scheme(key, scheme)
    with pytest.raises(UnheldError):
        ensure_held(key, scheme, ProvenKeys(dpop=JKT, certificate=X5T))


@pytest.mark.parametrize(
    ("key", "scheme", "proven"),
    [
        (JKT, Scheme.DPOP, NOTHING_PROVEN),
        (JKT, Scheme.DPOP, ProvenKeys(dpop=OTHER_JKT)),
        (JKT, Scheme.DPOP, ProvenKeys(certificate=X5T)),
        (X5T, Scheme.BEARER, NOTHING_PROVEN),
        (X5T, Scheme.BEARER, ProvenKeys(certificate=OTHER_X5T)),
        (X5T, Scheme.BEARER, ProvenKeys(dpop=JKT)),
    ],
)
def test_another_key_or_one_of_another_kind_does_not_do(
    key: Confirmation, scheme: Scheme, proven: ProvenKeys
) -> None:
    """Not even with the same thumbprint."""
    with pytest.raises(UnheldError):
        ensure_held(key, scheme, proven)
