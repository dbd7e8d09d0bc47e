"""Workload tokens for everybody who calls, signed as the development issuer signs them.

They are signed here, with the issuer's own key, and not asked for one by one: a comparison needs
thousands.
"""

import json
from pathlib import Path
from typing import Final

from broker.clock import SystemClock
from broker.dev.issuer import DevIssuer
from broker.secret import Secret
from broker.signing.key import SigningKey, thumbprint
from broker.signing.key_files import read_private_key

AGENT: Final = "invoice-bot"
ORCHESTRATOR: Final = "ci-orchestrator"
OPERATOR: Final = "alice"
RESOURCE: Final = "https://orders.example"
TENANT: Final = "acme"
_TTL_SECONDS: Final = 3_600


class Badges:
    """Makes workload tokens. ``folder`` is the state of a running development issuer."""

    def __init__(self, folder: Path) -> None:
        told = json.loads((folder / "issuer.json").read_text(encoding="utf-8"))
        private_key = read_private_key(folder / "key.pem")
        key = SigningKey(thumbprint(private_key), private_key, token_type="JWT")
        self.issuer: str = told["issuer"]
        self._issuer = DevIssuer(self.issuer, key, Secret("not asked for"), clock=SystemClock())

    def agent(self, instance: str) -> str:
        """Make a token of one running copy of the agent."""
        return self._make(AGENT, "agent", instance=instance, tenant=TENANT)

    def orchestrator(self) -> str:
        """Make a token of who opens tasks."""
        return self._make(ORCHESTRATOR, "orchestrator", instance="ci-1", tenant=TENANT)

    def operator(self) -> str:
        """Make a token of who pulls the plug."""
        return self._make(OPERATOR, "operator", instance="desk-1", tenant=TENANT)

    def resource(self) -> str:
        """Make a token of the resource server."""
        return self._make(RESOURCE, "resource", instance="orders-1")

    def _make(self, name: str, kind: str, **claims: str) -> str:
        wishes = {"sub": name, "kind": kind, "ttl_seconds": _TTL_SECONDS, **claims}
        token, _ = self._issuer.mint(wishes)
        return token.reveal()
