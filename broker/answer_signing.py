"""The broker's word on what a reviewer has answered, for those who have no audit trail of it.

- Signed at the moment of the answer by the key that signs tokens then; whoever has the broker's
  public keys can check it. It names who answered, on which evidence, about which packet.
- It is no token: a type of its own, no subject, no end, and meant for the one review it is about.
- An answer never waits for a key: what takes access away needs none. Then it is not signed.
"""

from collections.abc import Callable

from broker.clock import Clock
from broker.errors import UnavailableError
from broker.minting import KeyringSource
from broker.reviews.answers import Answer, answer_digest, audience_of, signed_of

SignAnswer = Callable[[Answer], str]
"""Returns the signature, or nothing where no key is active."""


class AnswerSigning:
    """Signs with the active key."""

    def __init__(self, issuer: str, source: KeyringSource, clock: Clock) -> None:
        self._issuer = issuer
        self._source = source
        self._clock = clock

    def sign(self, answer: Answer) -> str:
        """Sign an answer (a compact JWS, RFC 7515); empty where no key is active."""
        try:
            key = self._source.keyring.active()
        except UnavailableError:
            return ""
        return key.sign_answer(
            {
                "iss": self._issuer,
                "aud": audience_of(answer.review),
                "iat": self._clock.now_ms() // 1000,
                "review": answer.review,
                "agent": answer.agent,
                "verdict": answer.verdict,
                "packet": answer.packet,
                "by": answer.by,
                "answer": answer_digest(signed_of(answer)),
            }
        )
