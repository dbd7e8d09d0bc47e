"""Wishes and templates for sessions of AWS."""

from typing import Any, Final

from backends.aws_policy import Statement
from backends.aws_template import AwsTemplate
from backends.contract import Wish

ROLE: Final = "arn:aws:iam::123456789012:role/orders"
READ: Final = Statement(
    effect="Allow", action="s3:GetObject", resource="arn:aws:s3:::orders/${tenant}/*"
)


def template(**changes: Any) -> AwsTemplate:
    """Describe sessions that read one tenant's orders."""
    return AwsTemplate(**{"role_arn": ROLE, "scopes": {"orders:read": (READ,)}, **changes})


def wish(**changes: Any) -> Wish:
    """Ask for such a session."""
    return Wish(
        **{
            "lease": "l_00_" + "b" * 26,
            "task": "t_00_" + "a" * 26,
            "tenant": "acme",
            "agent": "invoice-bot",
            "capability": "orders-files",
            "on_behalf_of": "alice",
            "scopes": ("orders:read",),
            "template": changes.get("template") or template(),
            **changes,
        }
    )
