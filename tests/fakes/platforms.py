"""Tokens as the platforms make them, claim by claim."""

from collections.abc import Mapping

from tests.fakes.clock import FakeClock

AUDIENCE = "https://broker.example"

POD_UID = "5a1ec1f0-6f4e-4b5c-9a52-0f8b2c1d7e11"
SA_UID = "0b5c2f4a-1111-4222-8333-944455556666"
AWS = "https://sts.amazonaws.com/"

KUBERNETES: Mapping[str, object] = {
    "sub": "system:serviceaccount:payments:invoice-bot",
    "jti": "6d8f",
    "kubernetes.io": {
        "namespace": "payments",
        "node": {"name": "node-1", "uid": "7d7d9a0e-1"},
        "pod": {"name": "invoice-bot-7c9d-x2x4p", "uid": POD_UID},
        "serviceaccount": {"name": "invoice-bot", "uid": SA_UID},
    },
}

GITHUB: Mapping[str, object] = {
    "sub": "repo:acme/billing:ref:refs/heads/main",
    "jti": "0e6e",
    "repository": "acme/billing",
    "repository_id": "700123",
    "repository_owner": "acme",
    "repository_owner_id": "42",
    "repository_visibility": "private",
    "ref": "refs/heads/main",
    "ref_type": "branch",
    "ref_protected": "true",
    "sha": "a" * 40,
    "workflow": "bill",
    "workflow_ref": "acme/billing/.github/workflows/bill.yml@refs/heads/main",
    "workflow_sha": "a" * 40,
    "job_workflow_ref": "acme/billing/.github/workflows/bill.yml@refs/heads/main",
    "job_workflow_sha": "a" * 40,
    "event_name": "push",
    "runner_environment": "github-hosted",
    "run_id": "9001",
    "run_number": "17",
    "run_attempt": "1",
    "check_run_id": "31001",
    "actor": "octo",
    "actor_id": "77",
    "head_ref": "",
    "base_ref": "",
}

GOOGLE: Mapping[str, object] = {
    "sub": "108200000000000000001",
    "azp": "108200000000000000001",
    "email": "invoice-bot@acme.iam.gserviceaccount.com",
    "email_verified": True,
    "google": {
        "compute_engine": {
            "instance_id": "4152438463275543",
            "instance_name": "worker-1",
            "project_id": "acme",
            "project_number": 1234567,
            "zone": "europe-west1-b",
            "instance_creation_timestamp": 1_700_000_000,
        }
    },
}

AMAZON: Mapping[str, object] = {
    "sub": "arn:aws:iam::123456789012:role/invoice-bot",
    "jti": "ffff",
    AWS: {
        "aws_account": "123456789012",
        "source_region": "eu-west-1",
        "org_id": "o-abc1234567",
        "principal_id": "arn:aws:iam::123456789012:role/invoice-bot",
        "ec2_source_instance_arn": "arn:aws:ec2:eu-west-1:123456789012:instance/i-0abc",
    },
}

CLAIMS: Mapping[str, Mapping[str, object]] = {
    "kubernetes": KUBERNETES,
    "github-actions": GITHUB,
    "google": GOOGLE,
    "aws": AMAZON,
}


def claims_of(platform: str, issuer: str, clock: FakeClock, **changes: object) -> dict[str, object]:
    """Say what an honest token of a platform says now; a change to ``...`` leaves a claim out."""
    now = clock.now_ms() // 1000
    dates = {"iat": now, "exp": now + 600, "nbf": now}
    whole = {"iss": issuer, "aud": [AUDIENCE], **dates, **CLAIMS[platform], **changes}
    return {name: value for name, value in whole.items() if value is not ...}


def kubernetes_with(**parts: object) -> dict[str, object]:
    """Change parts of the ``kubernetes.io`` claim; a change to ``...`` leaves a part out."""
    inner = KUBERNETES["kubernetes.io"]
    assert isinstance(inner, dict)
    changed = {**inner, **parts}
    return {"kubernetes.io": {name: part for name, part in changed.items() if part is not ...}}
