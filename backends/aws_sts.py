"""Sessions of AWS roles: one for every credential, with a policy of its own.

- Its place is its role and its name, ``<task>-<lease>``, known before STS is asked.
- Its policy ends it (:mod:`backends.aws_policy`): STS's own end comes when it comes.
- STS lists no sessions and takes none back. ``kill: none`` says so: it dies of age.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from backends.aws_entry import SHORTEST_S, Session, Wanted, entry_of
from backends.aws_names import Assumed, Role, SessionAt, identity_of, session_name
from backends.aws_policy import instant, require_size, session_policy
from backends.aws_session import Clients
from backends.aws_shapes import UNKILLED, AwsOptions, traits_of
from backends.aws_template import (
    AwsTemplate,
    source_identity_of,
    statements_of,
    tags_of,
)
from backends.aws_template import fit_flaws as fit_flaws_of
from backends.aws_template import template_flaws as flaws_of
from backends.contract import (
    Deadline,
    Death,
    Flaw,
    Minted,
    Place,
    Sighting,
    Surroundings,
    Traits,
    Wish,
)
from backends.errors import (
    BackendError,
    NotMintedError,
    OtherTargetError,
    Trouble,
    require_recorded,
)
from backends.templates import filled
from backends.wall_clock import now_ms

_NEARLY_FULL: Final = 80
"""Percent of what policies and tags may take, packed as only AWS can (``PackedPolicySize``)."""

_log = logging.getLogger(__name__)


class AwsStsKind:
    """AWS's sessions as a kind of credential."""

    name = "aws_sts"
    traits = UNKILLED
    options: type[msgspec.Struct] = AwsOptions
    template: type[msgspec.Struct] = AwsTemplate

    def template_flaws(self, template: msgspec.Struct, scopes: frozenset[str]) -> Iterator[Flaw]:
        """Find what a template lacks for the scopes of its capability."""
        if isinstance(template, AwsTemplate):
            yield from flaws_of(template, scopes)

    def fit_flaws(self, options: msgspec.Struct, template: msgspec.Struct) -> Iterator[Flaw]:
        """Hold a template to its target."""
        if isinstance(template, AwsTemplate):
            yield from fit_flaws_of(_options(options), template)

    def traits_of(self, options: msgspec.Struct, template: msgspec.Struct) -> Traits:
        """Say what a capability's sessions promise."""
        traits = traits_of(_options(options))
        if not isinstance(template, AwsTemplate):
            return traits
        return replace(traits, longest_ttl_ms=template.max_session_seconds * 1000)

    def algorithms(self, options: msgspec.Struct) -> frozenset[str]:
        """Name what AWS believes of a web identity: of our algorithms, one."""
        is_by_token = _options(options).web_identity is not None
        return frozenset({"ES256"}) if is_by_token else frozenset()

    def open(self, options: msgspec.Struct, surroundings: Surroundings) -> "AwsSts":
        """Make the backend of an account. Connects to nothing."""
        read = _options(options)
        if read.kill == "none":
            return AwsSts(read, surroundings)
        from backends.aws_denied import AwsDenied  # noqa: PLC0415 - it is one of these, and more

        return AwsDenied(read, surroundings)


class AwsSts:
    """One account."""

    def __init__(
        self,
        options: AwsOptions,
        surroundings: Surroundings,
        now_ms: Callable[[], int] = now_ms,
    ) -> None:
        self.traits: Traits = traits_of(options)
        self._options = options
        self._identity = identity_of(options.partition, options.account)
        self._clients = Clients(options.region, str(options.ca_file) if options.ca_file else None)
        self._entry = entry_of(options, surroundings, self._clients, now_ms)
        web = options.web_identity
        self._subject = (web.subject if web is not None else "") or "capability:${capability}"
        self._now_ms = now_ms
        self._asked = _Asked()

    def locate(self, wish: Wish, deadline: Deadline) -> Place:  # noqa: ARG002 - nobody is asked
        """Name role and session."""
        role = Role.parse(_template(wish).role_arn)
        if identity_of(role.partition, role.account) != self._identity:
            raise NotMintedError(Trouble.REFUSED, "the role is of another account")
        return Place(locator=SessionAt(role, session_name(wish)).locator, identity=self._identity)

    def mint(self, wish: Wish, place: Place, expires_at_ms: int, deadline: Deadline) -> Minted:
        """Take the role."""
        self._require(place)
        wanted = self._wanted(wish, place, expires_at_ms)
        deadline.require()
        if not self._asked.first(place.locator, self._now_ms(), expires_at_ms):
            raise BackendError(Trouble.REFUSED, "it was asked for before")
        session = self._entry.take(wanted, deadline)
        _require_ours(session, place)
        if session.packed_percent >= _NEARLY_FULL:
            _log.warning(
                "policies and tags of capability %s take %d percent of what AWS packs",
                wish.capability,
                session.packed_percent,
            )
        return Minted(self._words(session, expires_at_ms))

    def _wanted(self, wish: Wish, place: Place, expires_at_ms: int) -> Wanted:
        template, at = _template(wish), SessionAt.of(place)
        policy = session_policy(statements_of(template, wish.scopes), wish, expires_at_ms)
        require_size(policy, template.policy_arns)
        lasts_s = -(-(expires_at_ms - self._now_ms()) // 1000)
        if lasts_s > template.max_session_seconds:
            why = f"the role's sessions last {template.max_session_seconds} s"
            raise NotMintedError(Trouble.REFUSED, why)
        return Wanted(
            at.role.arn,
            at.session,
            max(SHORTEST_S, lasts_s),
            policy,
            template.policy_arns,
            tags_of(template, wish),
            template.transitive_tags,
            source_identity_of(template, wish),
            template.external_id or "",
            filled(self._subject, wish),
        )

    def _words(self, session: Session, expires_at_ms: int) -> dict[str, str]:
        return {
            "access_key_id": session.keys.access_key,
            "secret_access_key": session.keys.secret,
            "session_token": session.keys.token,
            "expiration": instant(min(expires_at_ms, session.expires_at_ms)),
            "region": self._options.region,
        }

    def renew(
        self,
        wish: Wish,  # noqa: ARG002 - the contract's
        place: Place,  # noqa: ARG002
        expires_at_ms: int,  # noqa: ARG002
        deadline: Deadline,  # noqa: ARG002
    ) -> Minted:
        """Refuse: a session's policy and end are what they are."""
        raise BackendError(Trouble.REFUSED, "sessions are not prolonged")

    def revoke(self, place: Place, deadline: Deadline) -> Death:  # noqa: ARG002 - the contract's
        """Refuse."""
        self._require(place)
        raise BackendError(Trouble.REFUSED, "here sessions die of age only")

    def look_up(self, place: Place, deadline: Deadline) -> Sighting:  # noqa: ARG002 - the contract's
        """Refuse."""
        self._require(place)
        raise BackendError(Trouble.REFUSED, "STS lists no sessions")

    def probe(self, place: Place, deadline: Deadline) -> bool:  # noqa: ARG002 - the contract's
        """Refuse."""
        raise BackendError(Trouble.REFUSED, "nobody can try without its keys")

    def _require(self, place: Place) -> None:
        require_recorded(self._identity, place.identity)

    def close(self) -> None:
        """Let go of connections."""
        self._clients.close()


class _Asked:
    """The sessions that this process has asked for: STS would give a second of the same name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, int] = {}

    def first(self, locator: str, now_ms: int, until_ms: int) -> bool:
        """Note one; tell whether it was not noted before. It is forgotten when it has ended."""
        with self._lock:
            for name in [name for name, until in self._until.items() if until < now_ms]:
                del self._until[name]
            if locator in self._until:
                return False
            self._until[locator] = until_ms
            return True


def _require_ours(session: Session, place: Place) -> None:
    """Insist that it is the session that was asked for, by STS's own word."""
    at, found = SessionAt.of(place), Assumed.parse(session.arn)
    if found is None or (found.role, found.session) != (at.role.name, at.session):
        raise BackendError(Trouble.GARBLED, "the answer is about another session")
    if (found.partition, found.account) != (at.role.partition, at.role.account):
        raise OtherTargetError("another account answered")


def _options(options: msgspec.Struct) -> AwsOptions:
    if not isinstance(options, AwsOptions):
        raise TypeError("options of another kind")
    return options


def _template(wish: Wish) -> AwsTemplate:
    if not isinstance(wish.template, AwsTemplate):
        raise NotMintedError(Trouble.REFUSED, "a template of another kind")
    return wish.template


kind: Final = AwsStsKind()
"""What ``pyproject.toml`` offers as an entry point."""
