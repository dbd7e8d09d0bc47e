"""What an account must have before the broker mints there: worked out from what is declared.

- a provider, by which AWS knows the broker's tokens (with ``web_identity``);
- a boundary for the roles of capabilities: whatever policies they have, their sessions ask neither
  IAM nor STS for anything;
- the roles of capabilities: whom they trust, and that boundary. What they may do stays their
  owner's to say;
- the role in between (``via_role``) and the one that writes denials (``deny_writer``), each of
  which may do nothing else.

Nothing here asks anybody: :mod:`backends.aws_bootstrap_account` does.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from backends.aws_names import Role
from backends.aws_shapes import AwsOptions, DenyWriter
from backends.aws_template import AwsTemplate

OURS: Final = "JitBroker"
"""The ``Sid`` of the statement in a trust policy that is kept up; others are left alone."""

_HOUR_S: Final = 3_600
_OWN_SUBJECT: Final = "jit-broker"
"""Who the broker says it is to the role in between, unless it is declared."""
_WRITES: Final = (
    "iam:DeleteRolePolicy",
    "iam:GetRolePolicy",
    "iam:ListRolePolicies",
    "iam:PutRolePolicy",
)
_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")

Document = Mapping[str, Any]


class NotPlannedError(Exception):
    """Something is missing that only the caller knows; the text says what to give."""


@dataclass(frozen=True)
class Named:
    """A capability of the target."""

    name: str
    tenants: Sequence[str]
    template: AwsTemplate


@dataclass(frozen=True)
class Wanted:
    """All that a plan is made from."""

    options: AwsOptions
    capabilities: Sequence[Named]
    issuer: str
    """The broker's own, as its tokens say it."""
    principal: str = ""
    """Who the broker is in AWS, where it gets in by keys."""
    boundary: str = "jit-broker-boundary"
    thumbprints: Sequence[str] = ()


def wanted_of(
    options: msgspec.Struct,
    capabilities: Mapping[str, tuple[Sequence[str], object]],
    *,
    issuer: str,
    principal: str = "",
    boundary: str = "jit-broker-boundary",
    thumbprints: Sequence[str] = (),
) -> Wanted:
    """Take what is declared: by each capability's name its tenants and its template."""
    if not isinstance(options, AwsOptions):
        raise TypeError("options of another kind")
    users = [
        Named(name, tenants, msgspec.convert(template, AwsTemplate))
        for name, (tenants, template) in capabilities.items()
    ]
    return Wanted(options, users, issuer, principal, boundary, thumbprints)


@dataclass(frozen=True)
class Provider:
    """An OIDC provider."""

    arn: str
    url: str
    audience: str
    thumbprints: Sequence[str]


@dataclass(frozen=True)
class Boundary:
    """A managed policy that is the boundary of roles."""

    arn: str
    name: str
    document: Document


@dataclass(frozen=True)
class PlannedRole:
    """A role, as far as it is ours to say."""

    arn: str
    what_for: str
    trust: Document
    """One statement."""
    longest_s: int = _HOUR_S
    boundary: str = ""
    """An ARN; empty: none is wanted."""
    policies: Mapping[str, Document] = field(default_factory=dict)
    """Inline ones, by name."""

    @property
    def name(self) -> str:
        """Its name, without the path."""
        return Role.parse(self.arn).name

    @property
    def path(self) -> str:
        """Its path, which begins and ends with a slash."""
        return "/" + self.arn.partition(":role/")[2].removesuffix(self.name)


@dataclass(frozen=True)
class Plan:
    """What there must be, in the order in which it can be made."""

    account: str
    provider: Provider | None
    boundary: Boundary
    roles: Sequence[PlannedRole]


def plan(wanted: Wanted) -> Plan:
    """Work out what an account must have.

    Raises:
        NotPlannedError: it cannot be said who the broker is there.
    """
    options = wanted.options
    if options.web_identity is None and not wanted.principal:
        raise NotPlannedError("the broker gets in by keys: say whose, with --principal ARN")
    provider = _provider(wanted) if options.web_identity is not None else None
    edge = _boundary(wanted)
    targets = [*_targets(wanted, edge)]
    arns = [role.arn for role in targets]
    return Plan(options.account, provider, edge, [*_own(wanted, arns), *targets])


def policy(*statements: Document) -> Document:
    """Make a policy of statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def compact(document: Document) -> str:
    """Write a policy without a blank."""
    return json.dumps(document, separators=(",", ":"))


def _host(wanted: Wanted) -> str:
    """What a provider and its condition keys are called after: the issuer without its scheme."""
    return wanted.issuer.partition("://")[2].rstrip("/")


def _iam_arn(wanted: Wanted, what: str) -> str:
    return f"arn:{wanted.options.partition}:iam::{wanted.options.account}:{what}"


def _provider(wanted: Wanted) -> Provider:
    web = wanted.options.web_identity
    audience = web.audience if web is not None else ""
    arn = _iam_arn(wanted, f"oidc-provider/{_host(wanted)}")
    return Provider(arn, wanted.issuer.rstrip("/"), audience, tuple(wanted.thumbprints))


def _boundary(wanted: Wanted) -> Boundary:
    document = policy(
        {"Sid": "WhatThePoliciesSay", "Effect": "Allow", "Action": "*", "Resource": "*"},
        {
            "Sid": "NothingThatOutlivesTheSession",
            "Effect": "Deny",
            "Action": ["iam:*", "sts:*"],
            "Resource": "*",
        },
    )
    return Boundary(_iam_arn(wanted, f"policy/{wanted.boundary}"), wanted.boundary, document)


def _targets(wanted: Wanted, edge: Boundary) -> Iterator[PlannedRole]:
    for arn, users in _by_role(wanted.capabilities).items():
        names = ", ".join(sorted(user.name for user in users))
        yield PlannedRole(
            arn,
            f"sessions of {names}",
            _trust_of_target(wanted, users),
            max(user.template.max_session_seconds for user in users),
            edge.arn,
        )


def _by_role(capabilities: Iterable[Named]) -> Mapping[str, list[Named]]:
    found: dict[str, list[Named]] = {}
    for each in sorted(capabilities, key=lambda each: each.name):
        found.setdefault(each.template.role_arn, []).append(each)
    return found


def _trust_of_target(wanted: Wanted, users: Sequence[Named]) -> Document:
    options, web = wanted.options, wanted.options.web_identity
    also = [*_also(users)]
    if options.via_role is not None:
        return _by_keys(options.via_role.role_arn, also, _external(users))
    if web is None:
        return _by_keys(wanted.principal, also, _external(users))
    text = web.subject or "capability:${capability}"
    return _by_token(wanted, sorted({s for user in users for s in _subjects(text, user)}), also)


def _also(users: Sequence[Named]) -> Iterator[str]:
    if any(user.template.tags for user in users):
        yield "sts:TagSession"
    if any(user.template.source_identity for user in users):
        yield "sts:SetSourceIdentity"


def _external(users: Sequence[Named]) -> Sequence[str]:
    """Return the external ids that are asked for; none if a capability gives none."""
    given = {user.template.external_id for user in users}
    return [] if None in given else sorted(one for one in given if one)


def _subjects(text: str, user: Named) -> Iterator[str]:
    """Say who the broker says it is, for a capability: ``*`` where only the task will tell."""
    for tenant in user.tenants if "${tenant}" in text else ("",):
        yield _known(text, {"tenant": tenant, "capability": user.name})


def _known(text: str, words: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: words.get(found[1], "*"), text)


def _own(wanted: Wanted, targets: Sequence[str]) -> Iterator[PlannedRole]:
    via, writer = wanted.options.via_role, wanted.options.deny_writer
    web = wanted.options.web_identity
    if via is not None:
        take = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
        may = {"Effect": "Allow", "Action": take, "Resource": list(targets)}
        subject = (web.subject if web is not None else "") or _OWN_SUBJECT
        trust = _trust_of_own(wanted, subject, via.external_id)
        yield PlannedRole(
            via.role_arn, "takes the roles below", trust, policies={"jit-broker": policy(may)}
        )
    if writer is not None and writer.role_arn is not None:
        yield _writer(wanted, writer, writer.role_arn, targets)


def _writer(wanted: Wanted, writer: DenyWriter, arn: str, targets: Sequence[str]) -> PlannedRole:
    may = {"Effect": "Allow", "Action": list(_WRITES), "Resource": list(targets)}
    trust = _trust_of_own(wanted, writer.subject, writer.external_id)
    policies = {"jit-broker": policy(may)}
    return PlannedRole(arn, "writes denials into the roles below", trust, policies=policies)


def _trust_of_own(wanted: Wanted, subject: str, external_id: str | None) -> Document:
    if wanted.options.web_identity is not None:
        return _by_token(wanted, [subject], [])
    return _by_keys(wanted.principal, [], [external_id] if external_id else [])


def _by_token(wanted: Wanted, subjects: Sequence[str], also: Sequence[str]) -> Document:
    provider, host = _provider(wanted), _host(wanted)
    # A subject that holds what only the task will tell is a pattern; the audience never is.
    operator = "StringLike" if any("*" in each for each in subjects) else "StringEquals"
    tests: dict[str, dict[str, object]] = {"StringEquals": {f"{host}:aud": provider.audience}}
    tests.setdefault(operator, {})[f"{host}:sub"] = list(subjects)
    return {
        "Sid": OURS,
        "Effect": "Allow",
        "Principal": {"Federated": provider.arn},
        "Action": ["sts:AssumeRoleWithWebIdentity", *also],
        "Condition": tests,
    }


def _by_keys(principal: str, also: Sequence[str], external: Sequence[str]) -> Document:
    trust: dict[str, object] = {
        "Sid": OURS,
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": ["sts:AssumeRole", *also],
    }
    if external:
        trust["Condition"] = {"StringEquals": {"sts:ExternalId": list(external)}}
    return trust
