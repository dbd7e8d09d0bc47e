"""What the ledger's user at the server may do, where logins are asked for (ACL)."""

from typing import Final

from broker.settings.store import StoreSettings

_REFUSED: Final = ("no permissions", "ACL user may not run")
"""How a server, and we, say that a user may not run something."""


def is_refused_right(error: Exception) -> bool:
    """Tell whether the server was reached and its user may not do what was asked."""
    return any(words in str(error) for words in _REFUSED)


def granting(store: StoreSettings) -> str:
    """Return the one line that gives the user all that a broker runs, on its own keys alone."""
    rights = f"~{store.namespace}:* +@all -@admin -@dangerous +info +config|get"
    return f"ACL SETUSER {store.username or 'default'} {rights}"
