"""Whether a declaration says whose people its bearers are.

One name may be a person of several tenants. Where neither a claim nor the declaration says which
tenant is meant, the issuer vouches for her in every one that knows the name (I16); that is allowed
where one issuer is everybody's, and operators are told.
"""

from collections.abc import Iterator
from typing import Final

from broker.attestation.declaration import IssuerDeclaration
from broker.attestation.declared_map import KindByClaim, MapDeclaration
from broker.attestation.spiffe.path_rule import TENANT, PathRule
from broker.model.principal import Kind
from broker.settings.fault import Fault

_WHY: Final = "vouches for people in every tenant that knows their name"
_REMEDY: Final = (
    "say whose people they are, or pin each person to this issuer by `identities` in the facts"
)


def people_doubts(declaration: IssuerDeclaration) -> Iterator[Fault]:
    """Yield what speaks against an issuer's saying whose people its bearers are."""
    mapping = declaration.mapping
    if not _is_of_people(mapping):
        return
    if mapping.tenant is None:
        yield Fault(("map", "tenant"), f"is missing: the issuer {_WHY}", _REMEDY)
    elif mapping.kind is Kind.PERSON and mapping.tenant.claim in declaration.claims.optional:
        why = f"a token that lacks the claim {mapping.tenant.claim} {_WHY}"
        yield Fault(("map", "tenant"), why, f"require the claim; {_REMEDY}")


def rule_doubts(rule: PathRule) -> Iterator[Fault]:
    """Yield the same of a rule for SPIFFE IDs."""
    if rule.kind is Kind.PERSON and not rule.tenant and TENANT not in rule.steps:
        yield Fault(("tenant",), f"is missing: the trust domain {_WHY}", _REMEDY)


def _is_of_people(mapping: MapDeclaration) -> bool:
    """Tell whether a bearer may be a person. The claim may be optional where others call, too."""
    if isinstance(mapping.kind, KindByClaim):
        return Kind.PERSON in mapping.kind.values.values()
    return mapping.kind is Kind.PERSON
