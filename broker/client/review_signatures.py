"""Whether the broker has signed what a reviewer answered: by its public keys, and nothing else."""

from collections.abc import Mapping
from typing import Final

from broker.client.errors import TokenMalformedError, TokenUntrustedError
from broker.client.jose import split
from broker.client.keys import VerificationKey

ANSWER_TYPES: Final = frozenset({"review-answer+jwt"})


class ReviewSignatures:
    """Reads signatures of answers by one broker's keys."""

    def __init__(self, issuer: str, keys: Mapping[str, VerificationKey]) -> None:
        self._issuer = issuer
        self._keys = dict(keys)

    def read(self, signature: str) -> Mapping[str, object]:
        """Return what was signed.

        Raises:
            ValueError: it is no signature, no broker's of these keys, or another issuer's.
        """
        if not signature:
            raise ValueError("there is none")
        try:
            jws = split(signature, ANSWER_TYPES)
        except (TokenMalformedError, TokenUntrustedError) as error:
            raise ValueError(str(error)) from error
        key = self._keys.get(jws.header.kid)
        if key is None or key.alg != jws.header.alg:
            raise ValueError("its key is not among these")
        if not key.verifies(jws.signing_input, jws.signature):
            raise ValueError("it is not of its key")
        if jws.claims.get("iss") != self._issuer:
            raise ValueError("another issuer's")
        return jws.claims
