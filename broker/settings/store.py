"""Where the ledger lives."""

import msgspec


class StoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One Redis or Valkey."""

    url: str
    cluster: bool = False
    namespace: str = "jit"
    buckets: int = 16
    durability: str = "os"
    deadline_ms: int = 2000
