"""The person whose right is lent in a task tree, as she was attested when she opened it."""

import hashlib

import msgspec

from broker.model.asked import Asker
from broker.model.principal import Principal


class Lender(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whose work it is by her own word, and in which session of hers she said so.

    ``session`` is what her issuer calls the session (``sid``); empty where it says nothing.
    ``shown_ms`` is the first instant at which anybody can have taken her evidence: an end of her
    sessions at or after it ends what she opened by it.
    """

    by: Asker
    session: str = ""
    shown_ms: int = 0

    @classmethod
    def of(cls, caller: Principal) -> "Lender":
        """Keep who she is, and what tells this session of hers from others."""
        return cls(Asker.of(caller), caller.session, caller.begins_at_ms)

    @property
    def ref(self) -> str:
        """Her name, for records: ``person:dana``."""
        return f"{self.by.kind}:{self.by.name}"

    def is_shown_by(self, caller: Principal) -> bool:
        """Tell whether a caller is this very person, vouched for by the same issuer."""
        mine = (self.by.kind, self.by.name, self.by.issuer, self.by.subject)
        return mine == (caller.kind, caller.name, caller.issuer, caller.subject)

    def ended_with(self, tenant: str) -> tuple[str, ...]:
        """Name what ends with it what she has opened in a tenant: session, subject, person."""
        names = [subject_name(self.by.issuer, self.by.subject), person_name(tenant, self.by.name)]
        if self.session:
            names.insert(0, session_name(self.by.issuer, self.session))
        return tuple(names)


def session_name(issuer: str, session: str) -> str:
    """Return the one name of a session of an issuer."""
    return f"session:{_digest(issuer, session)}"


def subject_name(issuer: str, subject: str) -> str:
    """Return the one name of all sessions of a subject of an issuer."""
    return f"subject:{_digest(issuer, subject)}"


def person_name(tenant: str, name: str) -> str:
    """Return the one name of all sessions of a person of a tenant."""
    return f"person:{tenant}/{name}"


def _digest(*parts: str) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
