"""The injecting proxy: a child reaches declared servers with credentials that it never holds.

The child is given a **stand-in** for each credential: a random word that is worth nothing anywhere
else. A proxy on loopback replaces it, on the way to the declared servers only, for declared methods
and paths only, at the declared place only. TLS is opened with certificates of an authority that
lives as long as the task, in memory, for the declared names only; the child alone trusts it.

Invariants, each with tests:

* No byte of a credential goes to the child, to a log, or to a server that is not declared for it.
* What is judged is what is forwarded: a request is read once, strictly, and written anew.
* Unsure is refused: spelling, framing, addresses, certificates, a credential that is not held.
* Each use is told: by which rule, of which credential, with which outcome; never by path or query.

Light: it knows neither the broker's service nor the client, only who holds values
(:class:`CredentialSource`) and who hears of uses (:class:`Reporter`).
"""

from broker.proxy.database_route import DatabaseRoute
from broker.proxy.declared import Declared, Route, parse_routes
from broker.proxy.environment import child_environment, write_bundle
from broker.proxy.limits import Limits
from broker.proxy.server import InjectingProxy, Options
from broker.proxy.source import CredentialSource, HeldValues, NotHeldError
from broker.proxy.standin import StandIns
from broker.proxy.uses import Reporter, Use, Uses

__all__ = [
    "CredentialSource",
    "DatabaseRoute",
    "Declared",
    "HeldValues",
    "InjectingProxy",
    "Limits",
    "NotHeldError",
    "Options",
    "Reporter",
    "Route",
    "StandIns",
    "Use",
    "Uses",
    "child_environment",
    "parse_routes",
    "write_bundle",
]
