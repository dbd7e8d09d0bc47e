"""What the lease says that its credential is for: the other half of what routes declare.

Routes are of whoever runs; the lease is the broker's. A credential goes where both let it.
"""

from dataclasses import dataclass

from broker.proxy.declared import Declared, Route
from broker.proxy.problem import RefusedError
from broker.proxy.target import Target
from broker.reach.reach import Reach


@dataclass(frozen=True, slots=True)
class Sought:
    """One request that a credential would be put into."""

    route: Route
    method: str
    target: Target

    def is_within(self, reach: Reach | None) -> bool:
        """Tell whether a lease lets its credential go there; None: it does not say."""
        at = self.route.authority
        return reach is None or reach.allows(
            self.route.scheme, at.host, at.port, self.method, self.target.segments
        )

    def ensure_within(self, reach: Reach | None) -> None:
        """Hold it to what the lease says.

        Raises:
            RefusedError: it is not within it.
        """
        if not self.is_within(reach):
            raise beyond_lease("the credential was not given for this server, method and path")


def is_login_within(reach: Reach | None) -> bool:
    """Tell whether a lease lets its credential log in to a database, of which no reach speaks."""
    return reach is None


def may_fit(route: Declared, reach: Reach | None) -> bool:
    """Tell whether anything that a route declares could be within what a lease says."""
    if not isinstance(route, Route):
        return is_login_within(reach)
    at = route.authority
    return reach is None or reach.knows(route.scheme, at.host, at.port)


def beyond_lease(detail: str) -> RefusedError:
    """Refuse what a route has, and the lease has not."""
    return RefusedError(403, "beyond-lease", detail)
