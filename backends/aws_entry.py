"""How the broker gets in, and takes a role: by a token of its own, by keys, by way of a role."""

import base64
import binascii
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from backends.aws_errors import EXPIRED, AnsweredError
from backends.aws_session import NOBODY, Caller, Clients, Keys, Service
from backends.aws_shapes import CHAINED_S, AwsOptions, ViaRole, WebIdentity
from backends.contract import Deadline, Surroundings, TokenOf
from backends.errors import BackendError, NotMintedError, Trouble

SHORTEST_S: Final = 900
"""STS gives no shorter session; what ends sooner is denied sooner by its policy."""

OWN_SUBJECT: Final = "jit-broker"
OWN_SESSION: Final = "jit-broker"

_TOKEN_S: Final = 300
_EARLY_MS: Final = 300_000
"""How long before its end the broker's own session is followed by another."""

_TAGS: Final = "https://aws.amazon.com/tags"
_SOURCE_IDENTITY: Final = "https://aws.amazon.com/source_identity"
"""IAM User Guide, "Pass session tags using AssumeRoleWithWebIdentity"."""

_MAY_ASSUME: Final = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":'
    '["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Resource":"*"}]}'
)
"""All that the broker's own session may do, whatever its role may."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A session of a role."""

    role_arn: str
    session: str
    duration_s: int
    policy: str
    policy_arns: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tags: tuple[str, ...] = ()
    source_identity: str = ""
    external_id: str = ""
    subject: str = OWN_SUBJECT

    def common(self) -> dict[str, Any]:
        """Return what both ways of asking take."""
        arns = {"PolicyArns": [{"arn": arn} for arn in self.policy_arns]}
        return {
            "RoleArn": self.role_arn,
            "RoleSessionName": self.session,
            "DurationSeconds": self.duration_s,
            "Policy": self.policy,
            **(arns if self.policy_arns else {}),
        }


@dataclass(frozen=True, slots=True)
class Session:
    """What STS answered."""

    keys: Keys
    expires_at_ms: int
    arn: str
    packed_percent: int


class Entry(Protocol):
    """One way of taking roles."""

    def take(self, wanted: Wanted, deadline: Deadline) -> Session:
        """Ask for a session.

        Raises:
            NotMintedError: for certain there is none.
            BackendError: there may be one.
        """
        ...


class ByToken:
    """AssumeRoleWithWebIdentity: unsigned, with a token that the broker signs for it."""

    def __init__(self, clients: Clients, url: str, web: WebIdentity, token: TokenOf) -> None:
        self._clients = clients
        self._sts = Service("sts", url, NOBODY)
        self._web = web
        self._token = token

    def take(self, wanted: Wanted, deadline: Deadline) -> Session:
        """Ask for a session."""
        parameters = {**wanted.common(), "WebIdentityToken": self._signed(wanted)}
        operation = "assume_role_with_web_identity"
        return read(self._clients.call(self._sts, operation, parameters, deadline))

    def _signed(self, wanted: Wanted) -> str:
        try:
            token = self._token(self._web.audience, wanted.subject, _TOKEN_S, _claims(wanted))
        except BackendError as error:
            raise NotMintedError(error.trouble, str(error)) from None
        if not _algorithm(token).startswith(("RS", "ES")):
            why = "AWS takes ES256, and the broker signs with another algorithm: rotate its key"
            raise NotMintedError(Trouble.LOCKED_OUT, why)
        return token


class ByKeys:
    """AssumeRole, as whoever the caller is."""

    def __init__(self, clients: Clients, url: str, caller: Caller) -> None:
        self._clients = clients
        self._sts = Service("sts", url, caller)

    def take(self, wanted: Wanted, deadline: Deadline) -> Session:
        """Ask for a session."""
        parameters = {**wanted.common(), **_signed_only(wanted)}
        return read(self._clients.call(self._sts, "assume_role", parameters, deadline))


class OwnSession:
    """A session that the broker itself uses, which is renewed in time."""

    def __init__(self, outer: Entry, wanted: Wanted, now_ms: Callable[[], int]) -> None:
        self._outer = outer
        self._wanted = wanted
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._own: Session | None = None

    def fresh(self, deadline: Deadline, expired: Session | None) -> Session:
        """Return one that lasts for a while, and is not the one that ended.

        Raises:
            NotMintedError: there is none to be had; nothing else was done.
        """
        with self._lock:
            own = self._own
        if own is None or own is expired or own.expires_at_ms < self._now_ms() + _EARLY_MS:
            try:
                own = self._outer.take(self._wanted, deadline)
            except BackendError as error:
                why = f"the role in between cannot be taken: {error}"
                raise NotMintedError(_own_trouble(error), why) from None
            with self._lock:
                self._own = own
        return own


class ByRole:
    """AssumeRole, from a session of a role of the broker's own, which is renewed in time."""

    def __init__(
        self,
        clients: Clients,
        options: AwsOptions,
        via: ViaRole,
        outer: Entry,
        now_ms: Callable[[], int],
    ) -> None:
        self._clients = clients
        self._url = options.sts_url
        web = options.web_identity
        wanted = Wanted(
            via.role_arn,
            OWN_SESSION,
            SHORTEST_S,
            _MAY_ASSUME,
            external_id=via.external_id or "",
            subject=(web.subject if web is not None else "") or OWN_SUBJECT,
        )
        self._own = OwnSession(outer, wanted, now_ms)

    def take(self, wanted: Wanted, deadline: Deadline) -> Session:
        """Ask for a session.

        One's own that has ended too soon is followed by another, once.
        """
        if wanted.duration_s > CHAINED_S:
            why = f"a role that is taken by another's session has {CHAINED_S} s at most"
            raise NotMintedError(Trouble.REFUSED, why)
        own = self._own.fresh(deadline, None)
        try:
            return self._take(own, wanted, deadline)
        except AnsweredError as error:
            if error.code not in EXPIRED:
                raise
        return self._take(self._own.fresh(deadline, own), wanted, deadline)

    def _take(self, own: Session, wanted: Wanted, deadline: Deadline) -> Session:
        return ByKeys(self._clients, self._url, Caller(own.keys)).take(wanted, deadline)


def direct_entry(options: AwsOptions, surroundings: Surroundings, clients: Clients) -> Entry:
    """Make the way in without a role in between."""
    if options.web_identity is not None:
        return ByToken(clients, options.sts_url, options.web_identity, surroundings.token)
    return ByKeys(clients, options.sts_url, ambient_caller(options))


def ambient_caller(options: AwsOptions) -> Caller:
    """Name whoever boto3 finds."""
    return Caller(profile=options.ambient.profile if options.ambient is not None else None)


def entry_of(
    options: AwsOptions, surroundings: Surroundings, clients: Clients, now_ms: Callable[[], int]
) -> Entry:
    """Make the way in that the options declare."""
    via, outer = options.via_role, direct_entry(options, surroundings, clients)
    return outer if via is None else ByRole(clients, options, via, outer, now_ms)


def read(answer: Mapping[str, Any]) -> Session:
    """Read an answer of STS.

    Raises:
        BackendError: it is none; there may be a session.
    """
    try:
        found = msgspec.convert(answer, _Answer)
    except msgspec.ValidationError:
        found = None
    if found is None:
        raise BackendError(Trouble.GARBLED, "no session in the answer")
    made, who = found.credentials, found.assumed_role_user
    return Session(
        Keys(made.access_key_id, made.secret_access_key, made.session_token),
        int(made.expiration.timestamp() * 1000),
        who.arn,
        found.packed_policy_size,
    )


class _Credentials(msgspec.Struct, frozen=True, rename="pascal"):
    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: datetime


class _User(msgspec.Struct, frozen=True, rename="pascal"):
    arn: str


class _Answer(msgspec.Struct, frozen=True, rename="pascal"):
    credentials: _Credentials
    assumed_role_user: _User
    packed_policy_size: int = 0


def _own_trouble(error: BackendError) -> Trouble:
    return Trouble.LOCKED_OUT if error.trouble is Trouble.REFUSED else error.trouble


def _signed_only(wanted: Wanted) -> dict[str, Any]:
    tags = [{"Key": key, "Value": value} for key, value in wanted.tags.items()]
    given = {
        "Tags": tags,
        "TransitiveTagKeys": list(wanted.transitive_tags),
        "SourceIdentity": wanted.source_identity,
        "ExternalId": wanted.external_id,
    }
    return {name: value for name, value in given.items() if value}


def _claims(wanted: Wanted) -> dict[str, object]:
    claims: dict[str, object] = {}
    if wanted.tags:
        claims[_TAGS] = {
            "principal_tags": {key: [value] for key, value in wanted.tags.items()},
            "transitive_tag_keys": list(wanted.transitive_tags),
        }
    if wanted.source_identity:
        claims[_SOURCE_IDENTITY] = wanted.source_identity
    return claims


def _algorithm(token: str) -> str:
    header = token.partition(".")[0]
    try:
        stated = msgspec.json.decode(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (binascii.Error, ValueError):
        return ""
    return str(stated.get("alg", "")) if isinstance(stated, dict) else ""
