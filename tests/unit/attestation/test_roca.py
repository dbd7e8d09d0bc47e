"""Moduli of CVE-2017-15361, and those that only resemble them."""

import math
import secrets

import pytest

from broker.attestation.roca import is_guessable
from tests.fakes.issuer import RSA_2048

SMALL = [n for n in range(2, 700) if all(n % d for d in range(2, n))]


def made_by_the_library(power: int, times: int) -> int:
    """Make a modulus as its factors make it."""
    product = math.prod(SMALL)
    return pow(65537, power, product) + product * times


@pytest.mark.parametrize("power", [1, 2, 3, 1_000, 10**30])
def test_every_power_of_the_generator_is_known(power: int) -> None:
    """Whatever is added of the product."""
    assert is_guessable(made_by_the_library(power, 3**600))


def test_a_modulus_that_differs_for_one_prime_is_another() -> None:
    """All of the small primes count."""
    modulus = made_by_the_library(7, 3**600)

    assert not is_guessable(modulus + 11 * 13 * 17 * 19 * 37 * 53)
    assert not is_guessable(modulus * 2)


def test_honest_moduli_pass() -> None:
    """Of a real key, and of many numbers that were drawn."""
    assert not is_guessable(RSA_2048.public_key().public_numbers().n)
    assert not any(is_guessable(secrets.randbits(2048) | 1) for _ in range(500))
