"""How a verifier learns that a token, though well signed and young, is dead.

One port, three answers (DESIGN §5): :class:`broker.client.view.View` (feed),
:class:`broker.client.introspection.Introspection`, and :class:`OfflineLiveness` here. A verifier
has no default, so that nobody ends up without one by forgetting it.
"""

from typing import Protocol

from broker.client.token import VerifiedToken
from broker.secret import Secret


class Liveness(Protocol):
    """Judges tokens whose signature, issuer, audience and age are already checked."""

    async def ensure_alive(self, token: VerifiedToken, raw: Secret) -> None:
        """Return if the token is alive. ``raw`` is its text, for who must ask the broker.

        Raises:
            TokenRevokedError: it is dead.
            CannotVerifyError: nobody can tell, which is refused all the same (I5).
        """
        ...


class OfflineLiveness:
    """For a resource server that cannot reach the broker: a token dies only of age.

    The broker then caps the lifetime of its tokens and reports their revocation as ``irrevocable``
    until they expire. Register the audience as ``offline``.
    """

    async def ensure_alive(self, token: VerifiedToken, raw: Secret) -> None:
        """Return: here every token lives until it expires."""
