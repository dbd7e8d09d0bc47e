"""An account beside a plan: what is there, what is missing, what is otherwise; and mending it.

Nothing is deleted, and nothing of others is changed: statements in trust policies that are not
ours stay, so do other policies, a longer maximum, another boundary (which is said, and not mended).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol
from urllib.parse import unquote

from backends.aws_bootstrap import (
    OURS,
    Boundary,
    Document,
    Plan,
    PlannedRole,
    Provider,
    compact,
    policy,
)
from backends.aws_errors import AnsweredError

_NOT_THERE: Final = frozenset({"NoSuchEntity", "NoSuchEntityException", "NotFoundException"})

Parameters = Mapping[str, Any]


class Iam(Protocol):
    """Calls operations of IAM."""

    def __call__(self, operation: str, /, **parameters: object) -> Parameters:
        """Call one, by boto3's name for it.

        Raises:
            BackendError: IAM said no, or nobody knows what it did.
        """
        ...


class State(StrEnum):
    """What there is of something."""

    THERE = "there"
    """As it must be."""
    MISSING = "missing"
    DIFFERENT = "different"
    CONFLICT = "conflict"
    """Otherwise, and not ours to change."""


@dataclass(frozen=True)
class Step:
    """One thing that must be, what there is of it, and how it is mended."""

    what: str
    state: State
    why: str = ""
    mend: Callable[[], object] | None = None


def look(iam: Iam, wanted: Plan) -> Iterator[Step]:
    """Compare, thing by thing; what is mended before the next is looked at is seen there.

    Raises:
        BackendError: IAM does not answer, or does not let the caller look.
    """
    if wanted.provider is not None:
        yield from _look_at_provider(iam, wanted.provider)
    yield _look_at_boundary(iam, wanted.boundary)
    for role in wanted.roles:
        yield from _look_at_role(iam, role)


def _found(iam: Iam, operation: str, **parameters: object) -> Parameters | None:
    try:
        return iam(operation, **parameters)
    except AnsweredError as error:
        if error.code in _NOT_THERE:
            return None
        raise


def _look_at_provider(iam: Iam, wanted: Provider) -> Iterator[Step]:
    what, arn = f"provider {wanted.arn}", {"OpenIDConnectProviderArn": wanted.arn}
    found = _found(iam, "get_open_id_connect_provider", **arn)
    if found is None:
        yield Step(what, State.MISSING, mend=lambda: _make_provider(iam, wanted))
    elif wanted.audience in found.get("ClientIDList", []):
        yield Step(what, State.THERE)
    else:
        added = {**arn, "ClientID": wanted.audience}
        why = f"does not know the audience {wanted.audience}"
        add = "add_client_id_to_open_id_connect_provider"
        yield Step(what, State.DIFFERENT, why, lambda: iam(add, **added))
    missing = [*_unknown(wanted.thumbprints, (found or {}).get("ThumbprintList", []))]
    if found is not None and missing:
        both = {**arn, "ThumbprintList": [*found.get("ThumbprintList", []), *missing]}
        update = "update_open_id_connect_provider_thumbprint"
        yield Step(
            f"{what}, its certificates", State.DIFFERENT, "lacks some", lambda: iam(update, **both)
        )


def _unknown(wanted: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    yield from (each for each in wanted if each.lower() not in {one.lower() for one in known})


def _make_provider(iam: Iam, wanted: Provider) -> Parameters:
    # Without thumbprints AWS takes those of the certificate authority that it sees.
    given = {"ThumbprintList": list(wanted.thumbprints)} if wanted.thumbprints else {}
    return iam(
        "create_open_id_connect_provider",
        Url=wanted.url,
        ClientIDList=[wanted.audience],
        **given,
    )


def _look_at_boundary(iam: Iam, wanted: Boundary) -> Step:
    what, text = f"boundary {wanted.arn}", compact(wanted.document)
    found = _found(iam, "get_policy", PolicyArn=wanted.arn)
    if found is None:
        made = {"PolicyName": wanted.name, "PolicyDocument": text}
        return Step(what, State.MISSING, mend=lambda: iam("create_policy", **made))
    version = {"PolicyArn": wanted.arn, "VersionId": found["Policy"]["DefaultVersionId"]}
    stands = iam("get_policy_version", **version)["PolicyVersion"]["Document"]
    if _read(stands) == wanted.document:
        return Step(what, State.THERE)
    new = {"PolicyArn": wanted.arn, "PolicyDocument": text, "SetAsDefault": True}
    return Step(
        what, State.DIFFERENT, "says something else", lambda: iam("create_policy_version", **new)
    )


def _look_at_role(iam: Iam, wanted: PlannedRole) -> Iterator[Step]:
    what = f"role {wanted.arn}"
    found = _found(iam, "get_role", RoleName=wanted.name)
    if found is None:
        yield Step(what, State.MISSING, wanted.what_for, lambda: _make_role(iam, wanted))
    else:
        yield Step(what, State.THERE)
        yield from _compare_role(iam, wanted, found["Role"])
    for name, document in wanted.policies.items():
        yield _look_at_policy(iam, wanted, name, document, is_new=found is None)


def _make_role(iam: Iam, wanted: PlannedRole) -> Parameters:
    edge = {"PermissionsBoundary": wanted.boundary} if wanted.boundary else {}
    return iam(
        "create_role",
        RoleName=wanted.name,
        Path=wanted.path,
        Description=f"JIT broker: {wanted.what_for}"[:1_000],
        AssumeRolePolicyDocument=compact(policy(wanted.trust)),
        MaxSessionDuration=wanted.longest_s,
        **edge,
    )


def _compare_role(iam: Iam, wanted: PlannedRole, found: Parameters) -> Iterator[Step]:
    yield _compare_trust(iam, wanted, _read(found.get("AssumeRolePolicyDocument")))
    longest = int(found.get("MaxSessionDuration", 0))
    if longest < wanted.longest_s:
        given = {"RoleName": wanted.name, "MaxSessionDuration": wanted.longest_s}
        why = f"sessions of {longest} s at most; {wanted.longest_s} are asked for"
        yield Step(
            f"role {wanted.arn}, its maximum",
            State.DIFFERENT,
            why,
            lambda: iam("update_role", **given),
        )
    if wanted.boundary:
        yield _compare_boundary(iam, wanted, found)


def _compare_trust(iam: Iam, wanted: PlannedRole, stands: Document) -> Step:
    what, statements = f"role {wanted.arn}, whom it trusts", _statements(stands)
    if any(_same(each, wanted.trust) for each in statements):
        return Step(what, State.THERE)
    others = [each for each in statements if each.get("Sid") != OURS]
    is_old = len(others) < len(statements)
    text = compact({**policy(), **stands, "Statement": [*others, wanted.trust]})
    given = {"RoleName": wanted.name, "PolicyDocument": text}
    why = "trusts the broker otherwise" if is_old else "does not trust the broker"
    mend = "update_assume_role_policy"
    return Step(what, State.DIFFERENT, why, lambda: iam(mend, **given))


def _compare_boundary(iam: Iam, wanted: PlannedRole, found: Parameters) -> Step:
    what = f"role {wanted.arn}, its boundary"
    stands = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
    if stands == wanted.boundary:
        return Step(what, State.THERE)
    if stands:
        why = f"has {stands}: let that one deny iam:* and sts:*, or put {wanted.boundary} there"
        return Step(what, State.CONFLICT, why)
    given = {"RoleName": wanted.name, "PermissionsBoundary": wanted.boundary}
    mend = "put_role_permissions_boundary"
    return Step(what, State.DIFFERENT, "has none", lambda: iam(mend, **given))


def _look_at_policy(
    iam: Iam, wanted: PlannedRole, name: str, document: Document, *, is_new: bool
) -> Step:
    what = f"role {wanted.arn}, its policy {name}"
    where = {"RoleName": wanted.name, "PolicyName": name}
    given = {**where, "PolicyDocument": compact(document)}
    found = None if is_new else _found(iam, "get_role_policy", **where)
    if found is None:
        return Step(what, State.MISSING, mend=lambda: iam("put_role_policy", **given))
    if _read(found["PolicyDocument"]) == document:
        return Step(what, State.THERE)
    why = "says something else"
    return Step(what, State.DIFFERENT, why, lambda: iam("put_role_policy", **given))


def _read(document: object) -> Document:
    """Read a policy as IAM answers it: boto3 decodes most, and leaves some as text."""
    if isinstance(document, str):
        document = json.loads(document if document.startswith("{") else unquote(document))
    return document if isinstance(document, dict) else {}


def _statements(document: Document) -> list[Document]:
    listed = document.get("Statement", [])
    return list(listed) if isinstance(listed, list) else [listed]


def _same(one: Document, other: Document) -> bool:
    """Tell whether two statements say the same, whatever they are called."""
    return _plain({**one, "Sid": OURS}) == _plain({**other, "Sid": OURS})


def _plain(value: object) -> object:
    """Put lists in an order, and a list of one in the place of a word: IAM takes both alike."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return sorted(map(str, value)) if isinstance(value, list) else [value]
