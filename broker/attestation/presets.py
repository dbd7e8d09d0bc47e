"""The presets: what is known of the tokens of the large platforms.

Each demands what tells two running copies apart where its platform says it at all. None says whose
workloads are meant: that the operator has to add, and a stanza that does not is a fault.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from broker.attestation.declared_claims import ClaimsDeclaration
from broker.attestation.declared_map import InstanceByClaim, NameByClaim
from broker.attestation.preset import Preset
from broker.model.principal import Kind

_OIDC: Final = Preset(
    tells_apart="nothing that all issuers have: name a claim under map.instance",
    algorithms=("RS256", "ES256", "ES384", "PS256", "EdDSA"),
    kind=Kind.AGENT,
    named=NameByClaim("sub"),
    instance=InstanceByClaim("sub"),
    claims=ClaimsDeclaration(
        required=("sub",),
        ignored=("jti", "auth_time", "nonce", "azp", "acr", "amr", "at_hash", "sid"),
    ),
)

_KUBERNETES: Final = Preset(
    tells_apart="the uid of the pod that the token is bound to",
    # An API server signs with the kind of key that it was given.
    algorithms=("RS256", "ES256", "ES384"),
    kind=Kind.AGENT,
    named=NameByClaim("/kubernetes.io/serviceaccount/name"),
    instance=InstanceByClaim("/kubernetes.io/pod/uid"),
    claims=ClaimsDeclaration(
        required=(
            "sub",
            "/kubernetes.io/namespace",
            "/kubernetes.io/pod/uid",
            "/kubernetes.io/serviceaccount/name",
            "/kubernetes.io/serviceaccount/uid",
        ),
        optional=("/kubernetes.io/pod/name", "/kubernetes.io/node/name", "/kubernetes.io/node/uid"),
        ignored=("jti",),
    ),
    # The API server's default audiences, and what EKS mounts for AWS.
    shared_audience=re.compile(
        r"(https://)?kubernetes\.default(\.svc(\.[a-z0-9.-]+)?)?|api|sts\.amazonaws\.com"
    ),
)

_GITHUB: Final = Preset(
    tells_apart="repository, run, attempt and job (check run)",
    issuer="https://token.actions.githubusercontent.com",
    algorithms=("RS256",),
    kind=Kind.AGENT,
    # By its id: a name can be taken over by who registers it after a rename.
    named=NameByClaim("repository_id"),
    instance=("repository_id", "run_id", "run_attempt", "check_run_id"),
    claims=ClaimsDeclaration(
        verified={
            # Whoever can open a pull request decides what runs in it: those are left out.
            "event_name": (
                "push",
                "schedule",
                "workflow_dispatch",
                "repository_dispatch",
                "release",
                "deployment",
                "merge_group",
            )
        },
        required=(
            "sub",
            "repository_id",
            "repository_owner_id",
            "run_id",
            "run_attempt",
            "check_run_id",
        ),
        optional=(
            "ref",
            "ref_type",
            "environment",
            "workflow_ref",
            "job_workflow_ref",
            "job_workflow_sha",
            "runner_environment",
            "repository",
            "repository_owner",
            "repository_visibility",
            "actor_id",
            "enterprise_id",
        ),
        ignored=(
            "jti",
            "actor",
            "base_ref",
            "head_ref",
            "ref_protected",
            "run_number",
            "sha",
            "workflow",
            "workflow_sha",
            "environment_node_id",
            "issuer_scope",
            "enterprise",
            "oidc_issuer",
            "repo_property",
        ),
    ),
    max_lifetime_seconds=3600,
    shared_audience=re.compile(r"https://(www\.)?github\.com(/.*)?|sts\.amazonaws\.com|sigstore"),
)

_GOOGLE: Final = Preset(
    tells_apart="the id of the Compute Engine instance, where the token has one (format=full)",
    issuer="https://accounts.google.com",
    algorithms=("RS256",),
    kind=Kind.AGENT,
    # The unique id: an e-mail address can be given to another account later.
    named=NameByClaim("sub"),
    instance=InstanceByClaim("/google/compute_engine/instance_id", otherwise="sub"),
    claims=ClaimsDeclaration(
        verified={"email_verified": True},
        required=("sub", "email"),
        optional=(
            "/google/compute_engine/instance_id",
            "/google/compute_engine/project_id",
            "/google/compute_engine/zone",
        ),
        ignored=("azp", "hd", "at_hash"),
    ),
    max_lifetime_seconds=3600,
)

_AWS_CLAIMS: Final = "/https:~1~1sts.amazonaws.com~1/"

_AWS: Final = Preset(
    tells_apart="the ARN of the EC2 instance, where the token has one",
    # The issuer is the account's own: aws iam get-outbound-web-identity-federation-info.
    algorithms=("RS256", "ES384"),
    kind=Kind.AGENT,
    named=NameByClaim("sub"),
    instance=InstanceByClaim(f"{_AWS_CLAIMS}ec2_source_instance_arn", otherwise="sub"),
    claims=ClaimsDeclaration(
        required=("sub", f"{_AWS_CLAIMS}aws_account"),
        optional=tuple(
            f"{_AWS_CLAIMS}{name}"
            for name in (
                "ec2_source_instance_arn",
                "lambda_source_function_arn",
                "source_region",
                "org_id",
                "principal_id",
            )
        ),
        ignored=("jti",),
    ),
    max_lifetime_seconds=3600,
)

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "oidc": _OIDC,
        "kubernetes": _KUBERNETES,
        "github-actions": _GITHUB,
        "google": _GOOGLE,
        "aws": _AWS,
    }
)
"""By the name that a stanza gives."""
