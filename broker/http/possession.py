"""The key that a request shows to hold by a DPoP proof (RFC 9449).

The URL that a proof must name is put together from our own configured name, never from ``Host`` or
a forwarding header, which anybody between may have written.
"""

from typing import Final

from aiohttp import web

from broker.errors import InvalidProofError, NonceRequiredError
from broker.proof.confirmation import Confirmation
from broker.proof.dpop import NonceError, ProofChecker, ProofError, Target
from broker.proof.nonces import NONCE_HEADER, DpopNonces

PROOF: Final = "DPoP"


class Possession:
    """Checks what a request proves. ``issuer`` is our own name, the URL that we are reached at."""

    def __init__(self, proofs: ProofChecker, issuer: str, nonces: DpopNonces | None = None) -> None:
        self._proofs = proofs
        self._base = issuer.rstrip("/")
        self._nonces = nonces

    def news(self, request: web.Request) -> dict[str, str]:
        """Return the header by which who sends proofs learns the newest nonce (RFC 9449 §8.2)."""
        if self._nonces is None or PROOF not in request.headers:
            return {}
        return {NONCE_HEADER: self._nonces.newest()}

    async def proven(
        self,
        request: web.Request,
        *,
        token: str,
        demands_hash: bool,
        wanted: Confirmation | None = None,
    ) -> Confirmation | None:
        """Return the key that a request proves by a DPoP proof; ``None`` when it has none.

        ``token`` is what it shows in ``Authorization``; a proof that names a token names this one.
        ``wanted`` is the only key that will do, if any; a proof by another is not used up.

        Raises:
            NonceRequiredError: there is a proof, and it lacks the nonce that is required here.
            InvalidProofError: there is a proof, and it is refused.
            StoreUnavailableError: nobody can say whether it was used before.
        """
        proof = request.headers.get(PROOF)
        if proof is None:
            return None
        target = Target(request.method, self._base + request.rel_url.raw_path)
        try:
            return await self._proofs.check(
                proof, target, token=token, demands_hash=demands_hash, wanted=wanted
            )
        except NonceError as error:
            raise NonceRequiredError(error.nonce) from None
        except ProofError as error:
            raise InvalidProofError(str(error), field=PROOF) from None
