"""Whether a declaration tells two running copies of one agent apart.

A task belongs to one instance (I6). Where two copies look alike, either can use the other's task;
that is allowed where a platform says no more, and operators are told.
"""

from collections.abc import Iterator
from typing import Final

from broker.attestation.declaration import IssuerDeclaration
from broker.settings.fault import Fault

_ALIKE: Final = frozenset(
    {"sub", "email", "azp", "client_id", "appid", "oid", "iss", "aud", "repository"}
    | {"repository_id", "repository_owner_id", "workflow_ref", "job_workflow_ref", "ref"}
    | {"/kubernetes.io/namespace", "/kubernetes.io/node/uid"}
    | {"/kubernetes.io/serviceaccount/name", "/kubernetes.io/serviceaccount/uid"}
)
"""Claims that all copies of a workload have alike, by what the platforms say of them."""


def doubts(declaration: IssuerDeclaration, tells_apart: str) -> Iterator[Fault]:
    """Yield what speaks against this declaration's telling copies apart.

    ``tells_apart`` says in words what the platform offers.
    """
    remedy = "name a claim that each running copy has for itself"
    if tells_apart:
        remedy += f"; this preset knows {tells_apart}"
    mapping = declaration.mapping
    if set(mapping.instance_claims) <= _alike(declaration):
        yield Fault(
            ("map", "instance"),
            f"nothing tells two copies apart: {' and '.join(mapping.instance_claims)} are alike",
            remedy,
        )
    elif mapping.stand_in:
        yield Fault(
            ("map", "instance"),
            f"nothing tells two copies apart whose tokens lack {mapping.instance_claims[0]}",
            remedy,
        )
    if "jti" in mapping.instance_claims:
        yield Fault(
            ("map", "instance"),
            "jti changes with each token: a copy that renews its token loses its tasks",
            remedy,
        )


def _alike(declaration: IssuerDeclaration) -> frozenset[str]:
    mapping = declaration.mapping
    read = {claim for member, claim in mapping.claims() if member != "instance"}
    return _ALIKE | read | declaration.claims.verified.keys()
