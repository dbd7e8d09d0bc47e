"""Why somebody whose evidence is good is refused all the same, for audit."""

from typing import Final

UNREGISTERED: Final = "unregistered"
"""Nobody by that name, of that kind, in that tenant."""

SUSPENDED: Final = "suspended"
"""Registered, and not allowed to act now."""

IDENTITY_NOT_ALLOWED: Final = "identity-not-allowed"
"""Registered, and the identity that shows the name is not one of those that may."""
