"""How AWS accounts are declared as targets, and how the broker gets in. Needs no library of AWS."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from backends.aws_names import Role, RoleArn
from backends.contract import Flaw, Revocable, SelfExpiry, Traits
from backends.templates import unknown_variables

CHAINED_S: Final = 3_600
"""How long a role's session may be that was assumed by another role's (IAM User Guide, "Roles
terms and concepts", role chaining)."""

_SUFFIXES: Final = {
    "aws": "amazonaws.com",
    "aws-us-gov": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
}
"""Of STS's regional addresses, where they are known."""

_IAM: Final = {
    "aws": ("https://iam.amazonaws.com", "us-east-1"),
    "aws-us-gov": ("https://iam.us-gov.amazonaws.com", "us-gov-west-1"),
    "aws-cn": ("https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
}
"""Its one address, and the region that requests are signed for (AWS General Reference, "AWS
Identity and Access Management endpoints and quotas")."""

Text = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"\A[\x20-\x7e]+\Z")]
ExternalId = Annotated[str, Meta(min_length=2, max_length=1_224, pattern=r"\A[\w+=,.@:/-]+\Z")]


class WebIdentity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By tokens that the broker signs: AWS trusts its keys, and the broker holds none of AWS."""

    audience: Text = "sts.amazonaws.com"
    subject: str = ""
    """Who the broker says it is. Default ``capability:<name>``, or ``jit-broker`` before
    ``via_role``. It may hold variables where there is no ``via_role``."""

    def faults(self) -> Iterator[Flaw]:
        """Find what is well-typed and still wrong."""
        for name in unknown_variables(self.subject):
            yield Flaw(("subject",), f"nothing stands for {name}", "see the list of variables")


class Ambient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By what boto3 finds: environment, files, container or machine. No secret stands here."""

    profile: Text | None = None
    """A profile of the shared configuration files. Default: boto3's own chain."""


class ViaRole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role that the broker takes first; its session then takes those of the capabilities."""

    role_arn: RoleArn
    external_id: ExternalId | None = None


class DenyWriter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who writes, into the roles of the capabilities, whose sessions they refuse."""

    role_arn: RoleArn | None = None
    """A role that may do that and nothing else. Default: the broker itself, where it has keys."""
    external_id: ExternalId | None = None
    subject: Text = "jit-broker-deny"
    """Who the broker says it is then, where it gets in by a token."""
    policy_name: Annotated[str, Meta(pattern=r"\A[\w+=,.@-]{1,128}\Z")] = "jit-broker-deny"
    """The inline policy that is the broker's own in every one of these roles."""
    max_characters: Annotated[int, Meta(ge=600, le=10_240)] = 10_240
    """Of all inline policies of a role together. Default 10240, which is AWS's."""
    endpoint_url: str = ""
    """Where IAM is, if not where AWS has it."""


class AwsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The roles of one account, by way of STS in one region."""

    account: Annotated[str, Meta(pattern=r"\A(?:[0-9]{12}|)\Z")]
    """Empty only where a server that is not AWS's has none."""
    region: Annotated[str, Meta(pattern=r"\A[a-z0-9-]{1,64}\Z")]
    partition: Annotated[str, Meta(pattern=r"\Aaws[a-z-]{0,32}\Z")] = "aws"
    endpoint_url: str = ""
    """Where STS is, for an endpoint of a VPC, of FIPS, or of another server."""
    ca_file: Path | None = None
    """The authority to trust for that. Default: boto3's own list."""
    web_identity: WebIdentity | None = None
    ambient: Ambient | None = None
    via_role: ViaRole | None = None
    kill: Literal["none", "deny"] = "none"
    """How a session dies before its time: not at all, or by a denial in its role."""
    deny_writer: DenyWriter | None = None

    @property
    def sts_url(self) -> str:
        """Where STS is: never the global endpoint, whatever the environment says."""
        suffix = _SUFFIXES.get(self.partition, "")
        return self.endpoint_url or f"https://sts.{self.region}.{suffix}"

    @property
    def s3_url(self) -> str:
        """Where S3 is, for probes."""
        return f"https://s3.{self.region}.{_SUFFIXES.get(self.partition, 'amazonaws.com')}"

    @property
    def iam_url(self) -> str:
        """Where IAM is: each partition has one."""
        given = self.deny_writer.endpoint_url if self.deny_writer is not None else ""
        return given or _IAM.get(self.partition, ("", ""))[0]

    @property
    def iam_region(self) -> str:
        """Of which region requests to IAM are signed."""
        return _IAM.get(self.partition, ("", self.region))[1]

    @property
    def is_direct(self) -> bool:
        """Whether the roles of capabilities are taken by a token of the broker's itself."""
        return self.web_identity is not None and self.via_role is None

    def faults(self) -> Iterator[Flaw]:
        """Find what is well-typed and still wrong."""
        if (self.web_identity is None) == (self.ambient is None):
            remedy = "write one of web_identity and ambient"
            yield Flaw((), "how does the broker get in?", remedy)
        yield from _endpoint_flaws(self)
        yield from _writer_flaws(self)
        if self.via_role is not None:
            yield from _via_flaws(self.via_role, self)


def _endpoint_flaws(options: AwsOptions) -> Iterator[Flaw]:
    url = options.endpoint_url
    if not url:
        if options.partition not in _SUFFIXES:
            yield Flaw(("endpoint_url",), "STS of this partition is not known", "write its address")
        if not options.account:
            yield Flaw(("account",), "missing", "write the 12 digits")
        return
    yield from _address_flaws(url, ("endpoint_url",))


def _address_flaws(url: str, at: tuple[str, ...]) -> Iterator[Flaw]:
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.username:
        yield Flaw(at, "no address of a server", "write https://host[:port]")
    elif parts.scheme == "http" and not _is_near(parts.hostname):
        yield Flaw(at, "credentials would travel in the clear", "write https")


def _writer_flaws(options: AwsOptions) -> Iterator[Flaw]:
    at, writer = ("deny_writer",), options.deny_writer
    if (writer is None) != (options.kill == "none"):
        yield Flaw(at, "goes with kill: deny, and that with it", "write both, or none")
    if writer is None:
        return
    if not options.iam_url:
        yield Flaw((*at, "endpoint_url"), "IAM of this partition is not known", "write its address")
    if writer.endpoint_url:
        yield from _address_flaws(writer.endpoint_url, (*at, "endpoint_url"))
    if writer.role_arn is None and options.ambient is None:
        yield Flaw((*at, "role_arn"), "a token of the broker's takes a role", "name one")
    if writer.external_id is not None and options.ambient is None:
        message = "is not sent with a web identity"
        yield Flaw((*at, "external_id"), message, "remove it")
    if writer.role_arn is not None and Role.parse(writer.role_arn).account != options.account:
        yield Flaw((*at, "role_arn"), f"of another account than {options.account}", "name its own")


def _via_flaws(via: ViaRole, options: AwsOptions) -> Iterator[Flaw]:
    if Role.parse(via.role_arn).partition != options.partition:
        yield Flaw(("via_role", "role_arn"), "of another partition", f"write {options.partition}")
    web = options.web_identity
    if web is not None and "${" in web.subject:
        message = "one subject is for all before via_role"
        yield Flaw(("web_identity", "subject"), message, "write it without variables")
    if web is not None and via.external_id is not None:
        message = "is not sent with a web identity"
        yield Flaw(("via_role", "external_id"), message, "remove it")


def traits_of(options: AwsOptions) -> Traits:
    """Say what sessions of an account promise."""
    return UNKILLED if options.kill == "none" else DENIED


UNKILLED: Final = Traits(
    revocable=Revocable.NEVER,
    self_expiry=SelfExpiry.FULL,  # AWS judges every request by the time at which it comes
    renewable=False,
    shortest_ttl_ms=1_000,
    can_probe=False,
    can_look_up=False,  # STS lists no sessions
)
"""Where IAM may not be written."""

DENIED: Final = replace(UNKILLED, revocable=Revocable.EVENTUALLY, can_probe=True)
"""IAM is eventually consistent: a denial that stands there has its effect some time later."""


def _is_near(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
