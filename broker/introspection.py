"""RFC 7662 for registered resource servers. (stub)"""

from broker.model.principal import Principal
from broker.model.requests import Introspected


class Introspection:
    async def introspect(self, caller: Principal, token: str) -> Introspected | None:
        """Answer for a live token of the caller's own audience; None means {"active": false}."""
        raise NotImplementedError
