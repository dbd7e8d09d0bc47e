"""Asking an account's IAM, as whoever boto3 finds on this machine: not as the broker."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from backends.aws_bootstrap_account import Iam
from backends.aws_session import Caller, Clients, Service
from backends.aws_shapes import AwsOptions
from backends.contract import Deadline
from backends.errors import NotMintedError, OtherTargetError, Trouble

_WITHIN_S: Final = 60.0
"""How long one call may take: a person waits."""


@dataclass(frozen=True)
class Access:
    """Who asks, and where IAM is if not where AWS has it."""

    profile: str | None = None
    iam_url: str = ""


class _Calls:
    def __init__(self, clients: Clients, service: Service) -> None:
        self._clients = clients
        self._service = service

    def __call__(self, operation: str, /, **parameters: object) -> Mapping[str, Any]:
        """Call an operation."""
        return self._clients.call(self._service, operation, parameters, _deadline())


def iam_of(options: msgspec.Struct, access: Access) -> Iam:
    """Return what calls the account's IAM, once it is known that it is this account.

    Raises:
        OtherTargetError: these are keys of another account.
        BackendError: it could not be found out; or nobody knows where IAM is.
    """
    if not isinstance(options, AwsOptions):
        raise TypeError("options of another kind")
    caller = Caller(profile=access.profile)
    ca_file = str(options.ca_file) if options.ca_file else None
    _require_account(options, Clients(options.region, ca_file), caller)
    url = access.iam_url or options.iam_url
    if not url:
        raise NotMintedError(Trouble.REFUSED, "where is IAM of this partition? give --iam-url")
    return _Calls(Clients(options.iam_region, ca_file), Service("iam", url, caller))


def _require_account(options: AwsOptions, clients: Clients, caller: Caller) -> None:
    if not options.account:
        return  # a server that has none
    sts = Service("sts", options.sts_url, caller)
    found = clients.call(sts, "get_caller_identity", {}, _deadline())
    if found.get("Account") != options.account:
        raise OtherTargetError(
            f"these keys are of account {found.get('Account')}, the target is {options.account}"
        )


def _deadline() -> Deadline:
    return Deadline(_clock_ms() + round(_WITHIN_S * 1000), _clock_ms)


def _clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000
