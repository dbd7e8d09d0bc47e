"""A lease that has not ended, with what is needed to ask again whether it would be granted."""

import msgspec

from broker.model.asked import Asked
from broker.model.lease import LeaseSpec


class HeldLease(msgspec.Struct, frozen=True):
    """One lease as it stands.

    ``asked`` is None where an older version granted it. ``given_ms`` is the life that its last
    generation was given.
    """

    spec: LeaseSpec
    asked: Asked | None
    generation: int
    given_ms: int
    expires_at_ms: int
