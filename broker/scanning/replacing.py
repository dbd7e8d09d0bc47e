"""Which declared capability would take the place of a secret.

A capability fits when its backend can stand in for the kind, and it is about the same thing: the
same host and database, the same audience, or, where nothing beside the secret says what it is for,
the same kind of server.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from broker.scanning.finding import Finding
from broker.scanning.kinds import Kind, kind_named


@dataclass(frozen=True, slots=True)
class Offer:
    """A capability as the configuration declares it. ``options`` are those of its target."""

    name: str
    backend: str
    audience: str
    options: Mapping[str, Any]


def with_replacements(findings: Iterable[Finding], offers: tuple[Offer, ...]) -> list[Finding]:
    """Name, in each finding, what would take its place."""
    return [
        replace(each, replaced_by=tuple(o.name for o in offers if fits(o, each)))
        for each in findings
    ]


def fits(offer: Offer, finding: Finding) -> bool:
    """Tell whether a capability would take the place of a secret."""
    kind = kind_named(finding.kind)
    if offer.backend not in kind.backends:
        return False
    match offer.backend:
        case "aws_sts":
            return True
        case "postgres":
            return _is_same_database(offer.options, finding.words)
        case "jwt":
            host = finding.words.get("host", "")
            return bool(host) and urlsplit(offer.audience).hostname == host.lower()
        case _:
            return _is_about(offer, kind)


def _is_same_database(options: Mapping[str, Any], words: Mapping[str, str]) -> bool:
    """Compare what is known of both: a bare password may be of any database that is declared."""
    hosts = {str(options.get(name, "")).lower() for name in ("host", "agents_host")} - {""}
    host, database = words.get("host", "").lower(), words.get("database", "")
    is_host_known = host not in {"", "*", "localhost", "127.0.0.1"}
    return (not is_host_known or host in hosts) and (
        database in {"", "*"} or database == options.get("database")
    )


def _is_about(offer: Offer, kind: Kind) -> bool:
    if kind.name.startswith("vault-"):
        return True
    said = f"{offer.name} {offer.audience}".lower()
    return any(word in said for word in (kind.name, *kind.names) if len(word) > 2)  # noqa: PLR2004 - gh, pg are in many words
