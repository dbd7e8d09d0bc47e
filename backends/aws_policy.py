"""Session policies: what a template says, and what every session is denied whatever it says.

A session may do what its role *and* its session policy allow (IAM User Guide, "Session policies").
Every one ends with two denials, which no other policy outweighs:

- everything after its own not-after: STS gives no session of less than 15 minutes, and each request
  is judged by the time at which it comes;
- ``sts:*`` and ``iam:*``: whoever could assume another role, or ask for another token, would
  outlive the session.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from backends.aws_variables import filled_pattern, has_own, pattern_flaws
from backends.contract import Flaw, Wish
from backends.errors import NotMintedError, Trouble

MAX_POLICY: Final = 2_048
"""Characters of the inline policy and the managed ones' ARNs together (IAM and STS quotas)."""

MAX_POLICY_ARNS: Final = 10

_ENDLESS: Final = ("sts:*", "iam:*")

_TEXT_OPERATOR: Final = re.compile(
    r"(?:ForAnyValue:|ForAllValues:)?(?:String|Arn)(?:Not)?(?:Equals|Like)(?:IgnoreCase)?(?:IfExists)?"
)
"""The operators in which IAM reads variables."""

_OTHER_OPERATOR: Final = re.compile(
    r"(?:ForAnyValue:|ForAllValues:)?(?:(?:Numeric|Date)(?:(?:Not)?Equals|(?:Less|Greater)Than(?:Equals)?)"
    r"|Bool|BinaryEquals|(?:Not)?IpAddress)(?:IfExists)?|Null"
)

Texts = str | tuple[str, ...]
Values = str | bool | int | tuple[str | bool | int, ...]
Sid = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9]*\Z")]


class Statement(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="pascal",
    omit_defaults=True,
):
    """One statement of an IAM policy, as IAM writes it. It has no principal: it is a session's."""

    sid: Sid = ""
    """For readers; it is not sent."""
    effect: Literal["Allow", "Deny"]
    action: Texts = ()
    not_action: Texts = ()
    resource: Texts = ()
    not_resource: Texts = ()
    condition: dict[str, dict[str, Values]] = msgspec.field(default_factory=dict)

    def faults(self) -> Iterator[Flaw]:
        """Find what is well-typed and still wrong."""
        for one, other in (("Action", "NotAction"), ("Resource", "NotResource")):
            if bool(_given(self, one)) == bool(_given(self, other)):
                yield Flaw((one,), f"there must be one of {one} and {other}", "write one of them")
        for key in ("Action", "NotAction"):
            yield from _action_flaws(key, _given(self, key))
        for key in ("Resource", "NotResource"):
            for text in _given(self, key):
                yield from _pattern_flaws(text, key)
        for operator, tests in self.condition.items():
            yield from _condition_flaws(operator, tests)

    def written(self, wish: Wish) -> dict[str, Any]:
        """Write it down for a wish.

        Raises:
            NotMintedError: a value cannot stand where it would.
        """
        document: dict[str, Any] = {"Effect": self.effect}
        for key in ("Action", "NotAction"):
            if texts := _given(self, key):
                document[key] = _short(texts)
        for key in ("Resource", "NotResource"):
            if texts := _given(self, key):
                document[key] = _short([filled_pattern(text, wish) for text in texts])
        if self.condition:
            document["Condition"] = {
                operator: {key: _tested(value, wish) for key, value in tests.items()}
                for operator, tests in self.condition.items()
            }
        return document


def session_policy(statements: Sequence[Statement], wish: Wish, not_after_ms: int) -> str:
    """Write the policy of a session that ends at an instant, without a needless blank.

    Raises:
        NotMintedError: a value cannot stand where it would.
    """
    document = {
        "Version": "2012-10-17",
        "Statement": [*_once(s.written(wish) for s in statements), *denials(not_after_ms)],
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def require_size(policy: str, arns: Sequence[str]) -> None:
    """Insist that STS takes a policy of this size.

    Raises:
        NotMintedError: it would not.
    """
    size = len(policy) + sum(map(len, arns))
    if size > MAX_POLICY:
        why = f"the session policy has {size} characters, and AWS takes {MAX_POLICY}"
        raise NotMintedError(Trouble.REFUSED, why)


def instant(milliseconds: int) -> str:
    """Write an instant as IAM reads it; the rest of its second is cut off."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def denials(not_after_ms: int) -> Iterator[Mapping[str, Any]]:
    """Yield what ends every session, and keeps it from getting itself another."""
    late = {"DateGreaterThanEquals": {"aws:CurrentTime": instant(not_after_ms)}}
    yield {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": late}
    yield {"Effect": "Deny", "Action": list(_ENDLESS), "Resource": "*"}


def _once(statements: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Leave out what two scopes say alike."""
    seen: list[dict[str, Any]] = []
    for statement in statements:
        if statement not in seen:
            seen.append(statement)
            yield statement


def _given(statement: Statement, key: str) -> tuple[str, ...]:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()
    texts: Texts = getattr(statement, name)
    return (texts,) if isinstance(texts, str) else texts


def _short(texts: Sequence[str]) -> str | list[str]:
    return texts[0] if len(texts) == 1 else list(texts)


def _listed(value: Values) -> tuple[str, ...]:
    values = value if isinstance(value, tuple) else (value,)
    return tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in values)


def _tested(value: Values, wish: Wish) -> str | list[str]:
    return _short([filled_pattern(text, wish) for text in _listed(value)])


def _action_flaws(key: str, texts: Sequence[str]) -> Iterator[Flaw]:
    for text in texts:
        if re.fullmatch(r"\*|[a-z0-9-]+:[A-Za-z0-9*?]+", text) is None:
            yield Flaw((key,), f"{text} is no action", "write service:Action; no variables here")


def _pattern_flaws(text: str, *path: str | int) -> Iterator[Flaw]:
    for message, remedy in pattern_flaws(text):
        yield Flaw(path, message, remedy)
    if not text or re.search(r"[^\t\n\r\x20-\xff]", text):
        yield Flaw(path, "is empty, or has characters that no policy can hold", "write others")


def _condition_flaws(operator: str, tests: Mapping[str, Values]) -> Iterator[Flaw]:
    is_text = _TEXT_OPERATOR.fullmatch(operator) is not None
    if not is_text and _OTHER_OPERATOR.fullmatch(operator) is None:
        yield Flaw(("Condition", operator), "no operator of IAM", "see IAM's condition operators")
        return
    for key, value in tests.items():
        path = ("Condition", operator, key)
        for text in _listed(value):
            yield from _pattern_flaws(text, *path)
            if not is_text and has_own(text):
                yield Flaw(path, f"{operator} reads no variables", "use an operator on text")
        if not _listed(value):
            yield Flaw(path, "is empty", "write what it is compared with")
