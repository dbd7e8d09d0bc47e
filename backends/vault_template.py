"""What a capability takes from Vault: which secret for which scope, with which policies.

Variables become one segment of a path, one name of a policy, or one text inside JSON: never more.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta

from backends.contract import Flaw, Wish
from backends.errors import NotMintedError, Trouble
from backends.templates import filled, unknown_variables
from backends.vault_options import Manner, MountPath, VaultOptions

_SEGMENT: Final = re.compile(r"[^/\\\x00-\x20\x7f?#%*+]+")
"""One step of a path, once filled in: nothing that a server may read as more or less than one."""
_POLICY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}")
_NOT_GIVEN: Final = frozenset({"root", "default"})
_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")
_SET_BY_US: Final = frozenset({"ttl"})
_TIMED: Final = frozenset({"pki", "ssh"})


class Secret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One request to one engine, whose answer is the credential."""

    mount: MountPath
    path: Annotated[str, Meta(min_length=1, max_length=512)]
    """Below the mount, such as ``creds/readonly``; a variable is all or part of one segment."""
    method: Literal["read", "write", ""] = ""
    """Default: ``write`` for pki and ssh, else ``read``."""
    body: dict[str, Any] = msgspec.field(default_factory=dict)
    """What is written. For pki and ssh the broker adds ``ttl``."""
    policies: tuple[str, ...] = ()
    """Policies for the credential's token, besides the template's."""
    standing: str = ""
    """For a mount whose secrets never die: ``mount/path`` once more, as the permission."""

    def faults(self) -> Iterator[Flaw]:
        """Find what is well-typed and still wrong."""
        yield from _path_flaws(self.path)
        yield from _policy_flaws(self.policies)
        yield from _body_flaws(self.body, ("body",))
        if self.body and self.method == "read":
            yield Flaw(("body",), "nothing is sent when reading", "remove it, or method")


class VaultTemplate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a credential may do, scope by scope, and how it is delivered."""

    scopes: dict[str, Secret]
    """For each scope of the capability the secret that it gives."""
    policies: tuple[str, ...] = ()
    """Policies for the credential's token, whatever the scopes."""
    wrap_ttl_seconds: Annotated[int, Meta(ge=10, le=3_600)] | None = None
    """Deliver a wrapping token instead, which opens once and for so long."""
    also: dict[str, str] = msgspec.field(default_factory=dict)
    """Words that are delivered with the secret, such as ``host``."""

    def faults(self) -> Iterator[Flaw]:
        """Find what is well-typed and still wrong."""
        yield from _policy_flaws(self.policies)
        for scope, secret in self.scopes.items():
            if not (self.policies or secret.policies):
                remedy = "name a policy that may read it"
                yield Flaw(("scopes", scope, "policies"), "the token could do nothing", remedy)
        for name, text in self.also.items():
            yield from _variable_flaws(text, ("also", name))


def template_flaws(template: VaultTemplate, scopes: frozenset[str]) -> Iterator[Flaw]:
    """Find scopes that give nothing, and secrets that nobody can ask for."""
    for scope in sorted(scopes - template.scopes.keys()):
        yield Flaw(("scopes",), f"does not say what {scope} gives", f"add {scope}")
    for scope in sorted(template.scopes.keys() - scopes):
        remedy = "add it to the capability's scopes, or remove it here"
        yield Flaw(("scopes", scope), "no scope of the capability", remedy)


def fit_flaws(options: VaultOptions, template: VaultTemplate) -> Iterator[Flaw]:
    """Find what in a template the target does not have, or does not permit."""
    manners: set[Manner] = set()
    for scope, secret in template.scopes.items():
        path = ("scopes", scope)
        mount = options.find(secret.mount)
        if mount is None:
            known = ", ".join(each.mount for each in options.mounts)
            yield Flaw((*path, "mount"), "the target does not declare it", f"declared are: {known}")
            continue
        manners.add(mount.death)
        if mount.engine in _TIMED and _SET_BY_US & secret.body.keys():
            yield Flaw((*path, "body", "ttl"), "the broker sets it", "remove it")
        yield from (flaw.under(*path) for flaw in _standing_flaws(secret, mount.death))
    if len(manners) > 1:
        remedy = "make a capability of its own for each"
        yield Flaw(("scopes",), f"they die differently: {', '.join(sorted(manners))}", remedy)


def _standing_flaws(secret: Secret, death: Manner) -> Iterator[Flaw]:
    name = f"{secret.mount}/{secret.path}"
    if death is Manner.NEVER and secret.standing != name:
        message = "a standing secret: whoever has read it has it for ever"
        yield Flaw(("standing",), message, f"permit it by name, if it must be: standing: {name}")
    if death is not Manner.NEVER and secret.standing:
        yield Flaw(("standing",), "this mount's secrets die", "remove it")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A secret's request, filled in for one wish."""

    engine: str
    mount: str
    path: str
    """Mount and path, each segment quoted."""
    is_write: bool
    body: dict[str, Any]

    @property
    def is_timed(self) -> bool:
        """Whether it takes a time to live."""
        return self.engine in _TIMED


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """All that a wish asks of Vault."""

    requests: Mapping[str, Request]
    """By scope; those of several scopes may be the same."""
    policies: tuple[str, ...]
    manner: Manner
    also: Mapping[str, str]
    wrap_ttl_seconds: int | None = None

    @property
    def distinct(self) -> tuple[Request, ...]:
        """The requests, each once."""
        return tuple({_key(each): each for each in self.requests.values()}.values())


def order_of(wish: Wish, options: VaultOptions) -> Order:
    """Fill a template in.

    Raises:
        NotMintedError: a word of the wish cannot stand where the template has it, or the template
            does not fit the target.
    """
    template = wish.template
    if not isinstance(template, VaultTemplate):
        raise NotMintedError(Trouble.REFUSED, "a template of another kind")
    for flaw in fit_flaws(options, template):
        raise NotMintedError(Trouble.REFUSED, f"{'.'.join(map(str, flaw.path))}: {flaw.message}")
    secrets = {scope: template.scopes[scope] for scope in wish.scopes if scope in template.scopes}
    if not secrets:
        raise NotMintedError(Trouble.REFUSED, "the template gives nothing for these scopes")
    requests = {scope: _request(secret, wish, options) for scope, secret in secrets.items()}
    named = [*template.policies, *(name for each in secrets.values() for name in each.policies)]
    mount = options.find(next(iter(secrets.values())).mount)
    return Order(
        requests=requests,
        policies=tuple(dict.fromkeys(_policy(name, wish) for name in named)),
        manner=mount.death if mount is not None else Manner.NEVER,
        also={name: filled(text, wish) for name, text in template.also.items()},
        wrap_ttl_seconds=template.wrap_ttl_seconds,
    )


def _request(secret: Secret, wish: Wish, options: VaultOptions) -> Request:
    mount = options.find(secret.mount)
    engine = mount.engine if mount is not None else "other"
    steps = [_segment(filled(step, wish)) for step in secret.path.split("/")]
    return Request(
        engine=engine,
        mount=secret.mount,
        path="/".join((secret.mount, *steps)),
        is_write=secret.method == "write" or (not secret.method and engine in _TIMED),
        body={name: _filled_body(item, wish) for name, item in secret.body.items()},
    )


def _segment(text: str) -> str:
    if not _SEGMENT.fullmatch(text) or set(text) == {"."} or not text.isprintable():
        raise NotMintedError(Trouble.REFUSED, "a word cannot be one segment of a path")
    return quote(text, safe="")


def _policy(name: str, wish: Wish) -> str:
    found = filled(name, wish)
    if not _POLICY.fullmatch(found) or found.lower() in _NOT_GIVEN:
        raise NotMintedError(Trouble.REFUSED, "a word cannot be part of a policy's name")
    return found.lower()  # as Vault does, so that what it answers can be compared


def _filled_body(value: object, wish: Wish) -> object:
    if isinstance(value, str):
        return filled(value, wish)
    if isinstance(value, dict):
        return {name: _filled_body(item, wish) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled_body(item, wish) for item in value]
    return value


def _key(request: Request) -> str:
    return msgspec.json.encode(request, order="sorted").decode()


def _path_flaws(path: str) -> Iterator[Flaw]:
    yield from _variable_flaws(path, ("path",))
    for step in path.split("/"):
        plain = _VARIABLE.sub("x", step)
        if not _SEGMENT.fullmatch(plain) or set(plain) == {"."}:
            yield Flaw(("path",), f"no segment of a path: {step!r}", "write it as creds/readonly")


def _policy_flaws(policies: tuple[str, ...]) -> Iterator[Flaw]:
    for index, name in enumerate(policies):
        yield from _variable_flaws(name, ("policies", index))
        if not _POLICY.fullmatch(_VARIABLE.sub("x", name)):
            yield Flaw(("policies", index), "no name of a policy", "write a name")
        elif name.lower() in _NOT_GIVEN:
            yield Flaw(
                ("policies", index), "no credential is given it", "write a policy of its own"
            )


def _body_flaws(value: object, path: tuple[str | int, ...]) -> Iterator[Flaw]:
    if isinstance(value, str):
        yield from _variable_flaws(value, path)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _body_flaws(item, (*path, str(name)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _body_flaws(item, (*path, index))


def _variable_flaws(text: str, path: tuple[str | int, ...]) -> Iterator[Flaw]:
    for name in unknown_variables(text):
        yield Flaw(path, f"nothing stands for {name}", "see the list of variables")
