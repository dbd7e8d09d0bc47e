"""What is declared: to which servers a credential may go, how, and for what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from broker.errors import InvalidRequestError
from broker.proxy import database_route
from broker.proxy.authority import Authority
from broker.proxy.database_route import DatabaseRoute, DatabaseSpec
from broker.proxy.message import HOP_BY_HOP
from broker.proxy.placing import InBasic, InHeader, Placing, Template
from broker.proxy.signing import Signing
from broker.proxy.target import Target
from broker.reach.grammar import UnfitError, check_host, check_port, methods_of, paths_of
from broker.reach.hosts import DEFAULT_PORTS
from broker.reach.pattern import PathPattern

MAX_ROUTES: Final = 256

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)
_AWS_WORD: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)
_USER: Final = re.compile(r"[\x21-\x39\x3b-\x7e]*")
_HAND_OUT_KEYS: Final = frozenset(
    {"cognito-identity", "iam", "rolesanywhere", "s3express", "sso", "sts"}
)
"""Services whose answers bring keys of their own, which the child would hold."""
_NEVER_FIELDS: Final = HOP_BY_HOP | {"host", "content-length", "cookie", "expect", "content-type"}


class SigV4Spec(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What AWS's tools sign for."""

    service: str
    region: str


class PutSpec(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How a credential is put in: a template in a header field, Basic, or AWS's signature."""

    header: str = ""
    template: str = ""
    basic_user: str | None = None
    sigv4: SigV4Spec | None = None


class RouteSpec(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One route as it is written in a declaration."""

    need: str
    host: str
    methods: list[str]
    paths: list[str]
    id: str = ""
    scheme: Literal["https", "http"] = "https"
    port: int = 0
    put: PutSpec = PutSpec(header="Authorization", template="Bearer {access_token}")
    when: Literal["stand-in", "always"] = "stand-in"
    local: bool = False
    cookies: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One server, some methods and paths, and the credential that goes there."""

    id: str
    """By which uses are told."""
    need: str
    scheme: str
    authority: Authority
    methods: frozenset[str]
    paths: tuple[PathPattern, ...]
    placing: Placing
    always: bool
    """Put the credential in although no stand-in is shown."""
    local: bool
    """The host may be on this machine or in a private network, and spoken to without TLS."""
    cookies: bool
    """Let the child have cookies that answers to the credential set."""

    def matches(self, method: str, target: Target) -> bool:
        """Tell whether a request is one of those that are declared."""
        if method not in self.methods:
            return False
        return any(pattern.matches(target.segments) for pattern in self.paths)


Declared = Route | DatabaseRoute
"""What may be declared."""


def parse_routes(document: object) -> tuple[Declared, ...]:
    """Check a list of routes, as JSON or YAML bring it.

    Raises:
        InvalidRequestError: ``field`` names the member, the text what to write instead.
    """
    specs = _specs(document)
    if not 0 < len(specs) <= MAX_ROUTES:
        raise InvalidRequestError(f"declare 1 to {MAX_ROUTES} routes", field="routes")
    routes = tuple(_declared(spec, number) for number, spec in enumerate(specs))
    _check_together(routes)
    return routes


def _specs(document: object) -> list[RouteSpec | DatabaseSpec]:
    try:
        entries = msgspec.convert(document, list[dict[str, object]])
        return [msgspec.convert(entry, _kind(entry)) for entry in entries]
    except msgspec.ValidationError as error:
        raise InvalidRequestError(f"is not a list of routes: {error}", field="routes") from None


def _kind(entry: Mapping[str, object]) -> type[RouteSpec | DatabaseSpec]:
    return DatabaseSpec if entry.get("scheme") == database_route.SCHEME else RouteSpec


def _declared(spec: RouteSpec | DatabaseSpec, number: int) -> Declared:
    at = f"routes[{number}]"
    _check(_NAME, spec.need, f"{at}.need", "the name of a need")
    name = spec.id or f"{spec.need}-{number}"
    _check(_NAME, name, f"{at}.id", "letters, digits and . _ -")
    try:
        return _route(spec, name, at) if isinstance(spec, RouteSpec) else _database(spec, name, at)
    except UnfitError as error:
        raise InvalidRequestError(error.remedy, field=f"{at}.{error.member}") from None


def _database(spec: DatabaseSpec, name: str, at: str) -> DatabaseRoute:
    database_route.check(spec, at)
    return DatabaseRoute(
        id=name,
        need=spec.need,
        authority=_authority(spec.host, spec.port),
        database=spec.database,
        sslmode=spec.sslmode,
        local=spec.local,
    )


def _route(spec: RouteSpec, name: str, at: str) -> Route:
    if spec.scheme == "http" and not spec.local:
        raise InvalidRequestError(
            "a credential goes over https; http only with local: true", field=f"{at}.scheme"
        )
    return Route(
        id=name,
        need=spec.need,
        scheme=spec.scheme,
        authority=_authority(spec.host, spec.port or DEFAULT_PORTS[spec.scheme]),
        methods=methods_of(spec.methods),
        paths=paths_of(spec.paths),
        placing=_placing(spec.put, f"{at}.put"),
        always=_always(spec, at),
        local=spec.local,
        cookies=spec.cookies,
    )


def _always(spec: RouteSpec, at: str) -> bool:
    if spec.when == "always" and spec.put.sigv4 is not None:
        raise InvalidRequestError(
            "what goes to AWS is signed with the stand-in first: leave always out",
            field=f"{at}.when",
        )
    return spec.when == "always"


def _authority(host: str, port: int) -> Authority:
    check_host(host)
    check_port(port)
    return Authority(host, port)


def _placing(put: PutSpec, field: str) -> Placing:
    if put.sigv4 is not None:
        return _signing(put, put.sigv4, field)
    template = Template(put.template)
    if not template.is_sound or not put.template.isascii() or not put.template.isprintable():
        raise InvalidRequestError(
            "write a template with a name in braces, such as Bearer {access_token}",
            field=f"{field}.template",
        )
    if put.basic_user is not None:
        if put.header or _USER.fullmatch(put.basic_user) is None:
            raise InvalidRequestError(
                "write a user without colon or space, and no header", field=f"{field}.basic_user"
            )
        return InBasic(put.basic_user, template)
    _check(_FIELD, put.header, f"{field}.header", "the name of a header field")
    if put.header.lower() in _NEVER_FIELDS:
        raise InvalidRequestError(
            "a credential cannot be put into this field", field=f"{field}.header"
        )
    return InHeader(put.header, template)


def _signing(put: PutSpec, spec: SigV4Spec, field: str) -> Signing:
    if put != PutSpec(sigv4=spec):
        raise InvalidRequestError("write sigv4 alone: its fields are AWS's", field=field)
    _check(_AWS_WORD, spec.service, f"{field}.sigv4.service", "a service as it is signed: s3")
    _check(_AWS_WORD, spec.region, f"{field}.sigv4.region", "a region, such as us-east-1")
    if spec.service in _HAND_OUT_KEYS:
        raise InvalidRequestError(
            "this service answers with keys, which the child would hold: declare another",
            field=f"{field}.sigv4.service",
        )
    return Signing(spec.service, spec.region)


def _check(pattern: re.Pattern[str], text: str, field: str, what: str) -> None:
    if pattern.fullmatch(text) is None:
        raise InvalidRequestError(f"write {what}", field=field)


def _check_together(routes: tuple[Declared, ...]) -> None:
    if len({route.id for route in routes}) != len(routes):
        raise InvalidRequestError("two routes have the same id", field="routes")
    local: dict[str, bool] = {}
    for route in routes:
        if local.setdefault(route.authority.host, route.local) != route.local:
            raise InvalidRequestError(
                "one host is declared local and not local: say which", field="routes"
            )
    _check_needs(routes)


def _check_needs(routes: tuple[Declared, ...]) -> None:
    signed: dict[str, bool] = {}
    for route in routes:
        is_signed = isinstance(route, Route) and isinstance(route.placing, Signing)
        if signed.setdefault(route.need, is_signed) != is_signed:
            raise InvalidRequestError(
                "one need is signed with and shown: say which", field="routes"
            )
    needs = [route.need for route in routes]
    if any(isinstance(route, DatabaseRoute) and needs.count(route.need) > 1 for route in routes):
        raise InvalidRequestError(
            "a need that logs in to a database has that one route alone", field="routes"
        )
