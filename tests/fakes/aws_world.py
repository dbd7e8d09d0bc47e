"""How a world declares an account of AWS, and what its agents may have there."""

from typing import Any

CAPABILITY = "order-files"


def target(url: str, account: str, **options: Any) -> dict[str, Any]:
    """Declare an account behind an STS."""
    given = {"account": account, "region": "us-east-1", "endpoint_url": url, **options}
    return {"name": "files", "kind": "aws_sts", "options": given}


def capability(role: str, bucket: str, **template: Any) -> dict[str, Any]:
    """Give a tenant's objects of a bucket."""
    read = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/${{tenant}}/*",
    }
    return {
        "name": CAPABILITY,
        "backend": "aws_sts",
        "target": "files",
        "audience": "aws:orders",
        "scopes": ["orders:read"],
        "tenants": ["acme"],
        "max_ttl_seconds": 600,
        "default_ttl_seconds": 300,
        "template": {"role_arn": role, "scopes": {"orders:read": [read]}, **template},
    }
