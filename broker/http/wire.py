"""The bodies that callers may send, as shapes: members, types, counts and lengths.

Unknown members are refused. What a shape cannot say (the alphabet of a name, a limit that is
configured, members that exclude each other) is judged by :mod:`broker.http.parse`.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from broker.ids import MAX_DEPTH
from broker.text import MAX_REASON
from broker.tool_origin import MAX_ORIGIN
from broker.use_words import MOST_PORT, MOST_ROWS, MOST_STATUS, MOST_TIMES, MOST_UNTOLD

MAX_LINES = 64
"""Scopes of one line, lines of one ceiling."""

MAX_REFERENCES = 32
"""Tickets, resources, labels."""

MAX_WORD = 256
MAX_SIGNAL = 16 * 1024
"""Characters of a ticket, a resource, a label; names are shorter still."""

MAX_URL = 512

CRITERIA = (
    *("agent", "capability", "issuer", "tenant"),
    *("task", "task_name", "data_class", "older_than_seconds"),
)
"""The members of :class:`SelectBody` that narrow a set."""

Word = Annotated[str, Meta(min_length=1, max_length=MAX_WORD)]
Said = Annotated[str, Meta(max_length=MAX_WORD)]
Url = Annotated[str, Meta(min_length=1, max_length=MAX_URL)]
Origin = Annotated[str, Meta(min_length=1, max_length=MAX_ORIGIN)]
Reason = Annotated[str, Meta(min_length=1, max_length=MAX_REASON)]
Seconds = Annotated[int, Meta(ge=1)]
Life = Annotated[int, Meta(ge=2)]
"""Of a credential: tokens end at a whole second, so of one second nothing might be left."""

Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Levels = Annotated[int, Meta(ge=0, le=MAX_DEPTH - 1)]
Audiences = Annotated[list[Url], Meta(min_length=1, max_length=MAX_LINES)]
Scopes = Annotated[list[Word], Meta(min_length=1, max_length=MAX_LINES)]
References = Annotated[list[Word], Meta(max_length=MAX_REFERENCES)]
Labels = Annotated[dict[Word, Word], Meta(max_length=MAX_REFERENCES)]


class Body(Struct, forbid_unknown_fields=True):
    """The root of all bodies."""


class AskedCeilingLine(Body):
    """One capability of a task's ceiling; without scopes: its only one."""

    capability: Word
    scopes: Scopes | None = None


class OpenTaskBody(Body):
    """``POST /v1/tasks``."""

    name: Word
    agent: Word
    tenant: Word
    ceiling: Annotated[list[AskedCeilingLine], Meta(min_length=1, max_length=MAX_LINES)]
    ttl_seconds: Seconds
    instance: Word | None = None
    on_behalf_of: Word | None = None
    tickets: References = []
    resources: References = []
    idle_timeout_seconds: Seconds | None = None
    opener_timeout_seconds: Annotated[int, Meta(ge=0)] = 0
    parent: Word | None = None
    audiences: Audiences | None = None
    max_levels: Levels | None = None
    max_children: Count | None = None
    max_below: Count | None = None


class ClaimBody(Body):
    """``POST /v1/tasks/{task}/claim``."""

    handle: Word


class ExtendBody(Body):
    """``POST /v1/tasks/{task}/extend``."""

    ttl_seconds: Seconds


class CloseBody(Body):
    """``POST /v1/tasks/{task}/complete``, ``/fail`` and ``/cancel``."""

    reason: Reason | None = None


class SaidUseBody(Body):
    """Exchanges that were alike, as the agent's side tells them."""

    outcome: Word
    times: Annotated[int, Meta(ge=1, le=MOST_TIMES)]
    first_at: Word
    last_at: Word
    credential: Word | None = None
    need: Said = ""
    rule: Said = ""
    method: Said = ""
    host: Said = ""
    port: Annotated[int, Meta(ge=0, le=MOST_PORT)] = 0
    status: Annotated[int, Meta(ge=0, le=MOST_STATUS)] = 0
    problem: Said = ""
    masked: bool = False


class SayUsesBody(Body):
    """``POST /v1/tasks/{task}/uses``. ``untold``: how many exchanges are known to be missing."""

    uses: Annotated[list[SaidUseBody], Meta(min_length=1, max_length=MOST_ROWS)]
    untold: Annotated[int, Meta(ge=0, le=MOST_UNTOLD)] = 0


class FreezeBody(Body):
    """``POST /v1/tasks/{task}/freeze`` and ``/thaw``."""

    reason: Reason


class SignalBody(Body):
    """``POST /v1/signals``."""

    signal: Annotated[str, Meta(min_length=1, max_length=MAX_SIGNAL)]


class ToldEnd(Body):
    """The ``data`` of a message that says that a task has ended."""

    task: Word
    reason: Reason | None = None


class TellEndBody(Body):
    """``POST /v1/ends/{orchestrator}``. When it was made is in a header, and signed there."""

    type: Literal["task.completed", "task.failed", "task.cancelled"]
    data: ToldEnd
    timestamp: Word | None = None


class EmptyBody(Body):
    """Where there is nothing to say."""


class ToolBody(Body):
    """A tool by which the agent says that it will use a credential."""

    name: Word
    origin: Origin | None = None
    digest: Word | None = None


class IssueBody(Body):
    """``POST /v1/tasks/{task}/credentials``."""

    capability: Word
    scopes: Scopes
    ttl_seconds: Life | None = None
    labels: Labels = {}
    tool: ToolBody | None = None


class AnswerBody(Body):
    """``POST /v1/approvals/{approval}/answer``. A yes names the version that was seen, too."""

    answer: Literal["yes", "no"]
    digest: Word
    version: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    reason: Reason | None = None


class RenewBody(Body):
    """``POST /v1/credentials/{credential}/renew``."""

    ttl_seconds: Seconds | None = None


class RevokeBody(Body):
    """``POST /v1/revocations``: a reason, and exactly one of the first eight others."""

    reason: Reason
    credential: Word | None = None
    task: Word | None = None
    agent: Word | None = None
    capability: Word | None = None
    issuer: Url | None = None
    tenant: Word | None = None
    all: bool | None = None
    set: Word | None = None
    in_tenant: Word | None = None


class EndSessionBody(Body):
    """``POST /v1/sessions/end``: a person names nobody, an operator whose sessions end."""

    person: Word | None = None
    tenant: Word | None = None
    reason: Reason | None = None


class AskGlassBody(Body):
    """``POST /v1/break-glass``."""

    task: Word
    capability: Word
    scopes: Scopes
    reason: Reason
    incident: Word
    ttl_seconds: Life | None = None


class ConfirmGlassBody(Body):
    """``POST /v1/break-glass/{glass}/confirm``: the digest of what is agreed to."""

    digest: Word


class ReviewGlassBody(Body):
    """``POST /v1/break-glass/{glass}/review``."""

    words: Reason


class ExplainBody(Body):
    """``POST /v1/explain``: a request that nobody has made. ``caller`` is by default the agent."""

    action: Word
    tenant: Word
    agent: Word
    caller: Word | None = None
    caller_kind: Word | None = None
    capability: Word | None = None
    scopes: Annotated[list[Word], Meta(max_length=MAX_LINES)] = []
    ttl_seconds: Seconds | None = None
    tickets: References = []
    resources: References = []
    on_behalf_of: Word | None = None
    labels: Labels = {}
    tool: ToolBody | None = None


class SelectBody(Body):
    """``POST /v1/selections``: what the credentials have in common, or ``all``."""

    agent: Word | None = None
    capability: Word | None = None
    issuer: Url | None = None
    tenant: Word | None = None
    task: Word | None = None
    task_name: Word | None = None
    data_class: Word | None = None
    older_than_seconds: Seconds | None = None
    all: bool | None = None
