"""Certificates of a real OpenBao: revoked, and in the list that everybody reads."""

from collections.abc import Mapping

import pytest
import requests
from cryptography.x509 import load_der_x509_crl

from backends.contract import Death, Sighting
from backends.vault import Vault
from backends.vault_options import VaultOptions
from tests.real.openbao_server import OpenBaoServer
from tests.real.vault_lab import (
    Signing,
    from_pki,
    in_seconds,
    minted,
    opened,
    soon,
    without_trail,
)

pytestmark = pytest.mark.real


def test_a_certificate_is_gone_when_the_published_list_names_it(
    vault: Vault, openbao: OpenBaoServer
) -> None:
    """As everybody can read it, without a token; another task's certificate is not in it."""
    words, place = minted(vault, from_pki())
    other, _ = minted(vault, from_pki())
    before = vault.look_up(place, soon())

    deaths = [vault.revoke(place, soon()) for _ in range(2)]

    assert before is Sighting.ALIVE
    assert deaths == [Death.GONE, Death.GONE]
    assert serial(words) in published(openbao)
    assert serial(other) not in published(openbao)
    assert vault.look_up(place, soon()) is Sighting.DISABLED
    assert "PRIVATE KEY" in words["private_key"]
    assert int(words["expiration"]) * 1_000 <= in_seconds(300)


def serial(words: Mapping[str, str]) -> int:
    """Return a certificate's serial number."""
    return int(words["serial_number"].replace(":", ""), 16)


def published(openbao: OpenBaoServer) -> set[int]:
    """Read the CRL as whoever checks certificates does."""
    answer = requests.get(f"{openbao.url}/v1/pki/crl", timeout=30)
    return {each.serial_number for each in load_der_x509_crl(answer.content)}


def test_a_certificate_that_is_not_published_yet_is_accepted(
    vault: Vault, openbao: OpenBaoServer
) -> None:
    """Where the list is rebuilt later, or by hand, it is gone only then."""
    openbao.says("POST", "pki/config/crl", {"auto_rebuild": True})
    try:
        words, place = minted(vault, from_pki())
        early = vault.revoke(place, soon())
        assert serial(words) not in published(openbao)
        openbao.says("GET", "pki/crl/rotate")
        late = vault.revoke(place, soon())
    finally:
        openbao.says("POST", "pki/config/crl", {"auto_rebuild": False})

    assert (early, late) == (Death.ACCEPTED, Death.GONE)
    assert serial(words) in published(openbao)


def test_a_certificate_whose_number_nobody_knows_stays_accepted(
    declared: VaultOptions, signing: Signing
) -> None:
    """Whoever minted it died before the ledger had heard of it."""
    with opened(declared, signing.surroundings) as one_broker:
        _, place = minted(one_broker, from_pki())
    with opened(declared, signing.surroundings) as other:
        assert other.revoke(without_trail(place), soon()) is Death.ACCEPTED
        assert other.revoke(place, soon()) is Death.GONE
