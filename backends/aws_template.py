"""What a capability says of its sessions: role, policy by scope, tags, source identity."""

import re
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from backends.aws_canary import Probe
from backends.aws_names import SESSION_NAME, Role, RoleArn
from backends.aws_policy import MAX_POLICY, MAX_POLICY_ARNS, Statement, session_policy
from backends.aws_shapes import CHAINED_S, AwsOptions, ExternalId
from backends.contract import Flaw, Wish
from backends.errors import NotMintedError, Trouble
from backends.templates import filled, unknown_variables

MAX_TAGS: Final = 50

_TAG: Final = re.compile(r"[\w\s.:/=+\-@]*")
"""STS API Reference, Tag: letters, spaces and digits of any script, and ``_ . : / = + - @``."""

_PLAIN_SOURCE: Final = re.compile(r"[\w+=,.@-]{0,64}", re.ASCII)

TagKey = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"\A[\w\s.:/=+\-@]+\Z")]
PolicyArn = Annotated[
    str, Meta(pattern=r"\Aarn:aws[a-z-]*:iam::(?:aws|[0-9]{12}):policy/[\x21-\x7e]{1,512}\Z")
]

_LONGEST: Final = {
    "tenant": 64,
    "agent": 64,
    "capability": 64,
    "task": 31,
    "lease": 31,
    "on_behalf_of": 200,
}
"""Characters; what the broker takes for each."""


class AwsTemplate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a session may do of what its role may, scope by scope, and what it is known by."""

    role_arn: RoleArn
    scopes: dict[str, tuple[Statement, ...]]
    """For each scope of the capability the statements that it gives."""
    policy: tuple[Statement, ...] = ()
    """Statements that every session has, whatever its scopes."""
    policy_arns: tuple[PolicyArn, ...] = ()
    """Managed policies that every session has besides. They give as statements do."""
    tags: dict[TagKey, str] = msgspec.field(default_factory=dict)
    transitive_tags: tuple[TagKey, ...] = ()
    source_identity: str = ""
    external_id: ExternalId | None = None
    max_session_seconds: Annotated[int, Meta(ge=CHAINED_S, le=43_200)] = CHAINED_S
    """The role's own maximum. Default 3600, which is AWS's."""

    probe: Probe | None = None
    """By what it is tried whether the role refuses a killed session. Default: it is not."""

    def faults(self) -> Iterator[Flaw]:
        """Find what is well-typed and still wrong."""
        if len(self.policy_arns) > MAX_POLICY_ARNS:
            yield Flaw(("policy_arns",), f"AWS takes {MAX_POLICY_ARNS}", "name fewer")
        for index, arn in enumerate(self.policy_arns):
            if _account(arn) not in {"aws", Role.parse(self.role_arn).account}:
                yield Flaw(("policy_arns", index), "of another account", "name the role's own")
        yield from _tag_flaws(self)
        yield from _source_flaws(self.source_identity)


def template_flaws(template: AwsTemplate, scopes: frozenset[str]) -> Iterator[Flaw]:
    """Find scopes that give nothing, statements nobody can ask for, and what is too large."""
    for scope in sorted(scopes - template.scopes.keys()):
        yield Flaw(("scopes",), f"does not say what {scope} gives", f"add {scope}")
    for scope in sorted(template.scopes.keys() - scopes):
        remedy = "add it to the capability's scopes, or remove it here"
        yield Flaw(("scopes", scope), "no scope of the capability", remedy)
    for scope, given in template.scopes.items():
        if not template.policy_arns and not any(s.effect == "Allow" for s in given):
            yield Flaw(("scopes", scope), "gives nothing", "allow something")
    longest = longest_policy(template)
    if longest > MAX_POLICY:
        message = f"a session policy may have {longest} characters, and AWS takes {MAX_POLICY}"
        yield Flaw(("scopes",), message, "say less, or make two capabilities of it")


def fit_flaws(options: AwsOptions, template: AwsTemplate) -> Iterator[Flaw]:
    """Hold a template to its target: whose role it is, and what AWS takes on that way in."""
    role, at = Role.parse(template.role_arn), ("role_arn",)
    if role.account != options.account:
        yield Flaw(at, f"of another account than {options.account}", "name another target")
    if role.partition != options.partition:
        yield Flaw(at, f"of another partition than {options.partition}", "write another ARN")
    if options.via_role is not None and template.max_session_seconds > CHAINED_S:
        message = f"a role that is taken by another's session has {CHAINED_S} s at most"
        yield Flaw(("max_session_seconds",), message, "write less")
    if options.is_direct and template.external_id is not None:
        yield Flaw(("external_id",), "is not sent with a web identity", "remove it")
    if template.probe is not None and options.kill == "none":
        yield Flaw(("probe",), "nothing is denied there", "remove it, or write kill: deny")


def statements_of(template: AwsTemplate, scopes: tuple[str, ...]) -> list[Statement]:
    """Return what a session of some scopes is given."""
    return [*template.policy, *(s for scope in scopes for s in template.scopes.get(scope, ()))]


def tags_of(template: AwsTemplate, wish: Wish) -> dict[str, str]:
    """Fill in the tags.

    Raises:
        NotMintedError: AWS would not take one.
    """
    return {key: _tag(key, filled(text, wish)) for key, text in template.tags.items()}


def source_identity_of(template: AwsTemplate, wish: Wish) -> str:
    """Fill in the source identity; empty where there is none.

    Raises:
        NotMintedError: AWS would not take it.
    """
    name = filled(template.source_identity, wish)
    if template.source_identity and not _is_source(name):
        raise NotMintedError(
            Trouble.REFUSED, "the source identity has characters AWS does not take"
        )
    return name


def longest_policy(template: AwsTemplate) -> int:
    """Return how many characters the policy may have, with every scope and the longest names."""
    words = {name: "x" * length for name, length in _LONGEST.items()}
    scopes = tuple(template.scopes)
    wish = Wish(**words, scopes=scopes, template=template)
    written = session_policy(statements_of(template, scopes), wish, 0)
    return len(written) + sum(map(len, template.policy_arns))


def _account(arn: str) -> str:
    return arn.split(":")[4]


def _tag_flaws(template: AwsTemplate) -> Iterator[Flaw]:
    if len(template.tags) > MAX_TAGS:
        yield Flaw(("tags",), f"AWS takes {MAX_TAGS}", "write fewer")
    seen: set[str] = set()
    for key, text in template.tags.items():
        if key.lower() in seen or key.lower().startswith("aws:"):
            yield Flaw(("tags", key), "is there already, or AWS's own", "write another key")
        seen.add(key.lower())
        for name in unknown_variables(text):
            yield Flaw(("tags", key), f"nothing stands for {name}", "see the list of variables")
        plain = re.sub(r"\$\{[^}]*\}", "", text)
        if not text or len(plain) > 256 or _TAG.fullmatch(plain) is None:  # noqa: PLR2004 - STS's
            yield Flaw(("tags", key), "no value that AWS takes", "see STS's rules for tags")
    for index, key in enumerate(template.transitive_tags):
        if key not in template.tags:
            yield Flaw(("transitive_tags", index), "no tag of that key", "add it to tags")


def _tag(key: str, value: str) -> str:
    if not 1 <= len(value) <= 256 or _TAG.fullmatch(value) is None:  # noqa: PLR2004 - STS's
        raise NotMintedError(Trouble.REFUSED, f"the tag {key} has a value that AWS does not take")
    return value


def _source_flaws(text: str) -> Iterator[Flaw]:
    for name in unknown_variables(text):
        yield Flaw(("source_identity",), f"nothing stands for {name}", "see the list of variables")
    if _PLAIN_SOURCE.fullmatch(re.sub(r"\$\{[^}]*\}", "", text)) is None:
        yield Flaw(("source_identity",), "AWS takes A-Z a-z 0-9 _ + = , . @ -", "write others")


def _is_source(name: str) -> bool:
    return SESSION_NAME.fullmatch(name) is not None
