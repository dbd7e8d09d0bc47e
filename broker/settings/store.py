"""The ``store`` section: where the ledger lives, and what it must survive."""

import re
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from broker.ids import MAX_BUCKETS
from broker.settings.fault import Fault
from broker.settings.store_url import StoreUrlError, parse_store_url

Durability = Literal["os", "fsync"]
"""``os``: what was acknowledged survives the death of any process. ``fsync``: power loss too."""

DEADLINES_MS: Final = range(50, 60_001)
"""Below, a healthy server misses it; above, callers queue behind a dead one."""

_NAMESPACE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)


class StoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One Redis or Valkey, 7.0 or newer: a single server or a cluster.

    Attributes:
        url: ``redis://host:port/db``, ``rediss://…`` (TLS) or ``unix:///path``. Holds no secret.
        cluster: whether the server at ``url`` is a node of a cluster.
        username: the ACL user; needs ``password_file``.
        password_file: the file whose first line is the password.
        ca_file: the only authority to trust for the server's certificate; the system's if empty.
        cert_file, key_file: our own certificate, when the server asks for one.
        namespace: what every key begins with.
        buckets: how many hash slots the ledger spreads over; fixed once there is data.
        durability: see :data:`Durability`.
        deadline_ms: how long one call may take.
    """

    url: str
    cluster: bool = False
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    namespace: str = "jit"
    buckets: int = 16
    durability: Durability = "os"
    deadline_ms: int = 2000

    def faults(self) -> Iterator[Fault]:
        """Yield what is well-typed and still wrong."""
        yield from self._url_faults()
        yield from self._credential_faults()
        yield from self._shape_faults()

    def _url_faults(self) -> Iterator[Fault]:
        try:
            url = parse_store_url(self.url)
        except StoreUrlError as error:
            yield Fault(("url",), str(error), error.remedy)
            return
        if self.cluster and url.path:
            yield Fault(("url",), "a cluster has no unix socket", "write redis:// or rediss://")
        if self.cluster and url.db:
            yield Fault(("url",), "a cluster has database 0 only", "remove the database number")
        if not url.is_tls:
            yield from self._needless_tls_faults()

    def _needless_tls_faults(self) -> Iterator[Fault]:
        for name in ("ca_file", "cert_file", "key_file"):
            if getattr(self, name):
                yield Fault((name,), "is for TLS, and url is not", "write rediss:// in url")

    def _credential_faults(self) -> Iterator[Fault]:
        if self.username and not self.password_file:
            yield Fault(("username",), "has no password", "name the file in password_file")
        if bool(self.cert_file) != bool(self.key_file):
            missing = "key_file" if self.cert_file else "cert_file"
            yield Fault((missing,), "is missing", "cert_file and key_file belong together")

    def _shape_faults(self) -> Iterator[Fault]:
        if _NAMESPACE.fullmatch(self.namespace) is None:
            yield Fault(
                ("namespace",),
                "must be 1 to 32 of a-z, 0-9 and -",
                "no colon and no brace: these have a meaning in the names of keys",
            )
        if not 1 <= self.buckets <= MAX_BUCKETS or self.buckets & (self.buckets - 1):
            yield Fault(("buckets",), "is not a power of two up to 256", "16 suits most")
        if self.deadline_ms not in DEADLINES_MS:
            yield Fault(("deadline_ms",), "must be 50 to 60000 milliseconds", "2000 suits most")
