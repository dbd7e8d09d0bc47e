"""RSA moduli of a library whose primes can be guessed from the modulus (CVE-2017-15361, "ROCA").

Its primes are powers of 65537 modulo a product of small primes, and so is their product. That of
another key is one as well for a small prime or two, but not for all of these: one in two hundred
million is mistaken for such a key (Nemec and others, "The Return of Coppersmith's Attack", 2017).
"""

from typing import Final

_GENERATOR: Final = 65537

_PRIMES: Final = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
"""Those for which the powers of the generator are not all numbers."""


def _powers(prime: int) -> frozenset[int]:
    found, power = set[int](), 1
    while power not in found:
        found.add(power)
        power = power * _GENERATOR % prime
    return frozenset(found)


_RESIDUES: Final = {prime: _powers(prime) for prime in _PRIMES}


def is_guessable(modulus: int) -> bool:
    """Tell whether that library made the modulus: then anybody may have its private key."""
    return all(modulus % prime in residues for prime, residues in _RESIDUES.items())
