"""What is written and read of approvals: values, digests, and records from and to the ledger."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from broker.approval_errors import ApprovalStaleError
from broker.errors import SupersededError, UnreadableRecordError
from broker.ids import ApprovalId, TaskId
from broker.model.approval import Approval, ApprovalState, Voice, Wanted
from broker.store import codec
from broker.store.link import Reply
from broker.store.refusals import accept

_VOICE: Final = "v:"
_WANTED: Final = msgspec.json.Decoder(Wanted)
_SAID: Final = msgspec.json.Decoder(Voice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long and how many. Instants in ms.

    ``pending_ms``: how long a request waits for its answer; ``denied_ms``: for how long the same is
    not asked again after a no; ``of_task``: open ones of one task.
    """

    pending_ms: int = 3_600_000
    denied_ms: int = 300_000
    of_task: int = 10


@dataclass(frozen=True, slots=True)
class Asking:
    """A request to be agreed to; ``facts`` and ``graph`` are what the decision has read.

    ``brief`` goes into every event about it, ``more`` only into the first.
    """

    id: ApprovalId
    wanted: Wanted
    path: tuple[TaskId, ...]
    facts: int
    graph: int
    more: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Saying:
    """One answer. ``version`` is what the page showed that a yes is said to.

    ``is_met``: with it all requirements are met, by facts of the revisions that are named.
    """

    voice: Voice
    version: int
    is_met: bool
    facts: int
    graph: int


@dataclass(frozen=True, slots=True)
class Said:
    """What came of an answer; ``noes`` counts those that the task has got."""

    state: ApprovalState
    is_new: bool
    noes: int


def digest_of(wanted: Wanted) -> str:
    """Return the SHA-256 of one exact request."""
    return hashlib.sha256(codec.encode(wanted).encode()).hexdigest()


def asks_digest(wanted: Wanted) -> str:
    """Name what is asked for, whatever policy says of it."""
    return hashlib.sha256(codec.encode(wanted.asks_for()).encode()).hexdigest()


def brief_of(approval: ApprovalId, wanted: Wanted) -> Mapping[str, object]:
    """Return what every event about an approval tells of it: nothing that its agent has written."""
    return {
        "approval": approval,
        "task": wanted.task,
        "agent": wanted.agent,
        "capability": wanted.capability,
        "digest": digest_of(wanted),
    }


def voice_text(voice: Voice) -> str:
    """Write a voice down without its instant, which the script adds."""
    said = msgspec.to_builtins(voice)
    del said["at_ms"]
    return codec.encode(said)


def said(reply: Reply) -> list[str]:
    """Read what answering answers.

    Raises:
        ApprovalStaleError: it is another one than the page showed.
        SupersededError: nothing more can be said to it.
        BrokerError: the script refused.
    """
    match reply:
        case ["stale-page", _]:
            raise ApprovalStaleError
        case ["settled", state]:
            raise SupersededError(f"nothing more can be said to it: it is {state}")
        case _:
            return accept(reply)


def seen(
    approval: ApprovalId, row: Sequence[str], now_ms: int
) -> Approval | UnreadableRecordError | None:
    """Read one; None is not kept."""
    if not row:
        return None
    held = dict(zip(row[::2], row[1::2], strict=True))
    try:
        with codec.reading("an approval in the ledger"):
            return _read(approval, held, now_ms)
    except UnreadableRecordError as error:
        return error


def _read(approval: ApprovalId, held: Mapping[str, str], now_ms: int) -> Approval:
    wanted = _WANTED.decode(held["wanted"])
    if digest_of(wanted) != held["digest"]:
        raise ValueError("not what was asked for")
    voices = [_SAID.decode(text) for name, text in held.items() if name.startswith(_VOICE)]
    state, expires_ms = ApprovalState(held["state"]), int(held["expires"])
    if state.is_open and expires_ms <= now_ms:
        state = ApprovalState.EXPIRED
    return Approval(
        id=approval,
        state=state,
        version=int(held["version"]),
        digest=held["digest"],
        wanted=wanted,
        asked_at_ms=int(held["asked"]),
        expires_at_ms=expires_ms,
        judged_at_ms=now_ms,
        voices=tuple(sorted(voices, key=_order)),
        settled_at_ms=int(held.get("settled", "0")),
        because=held.get("because", ""),
        credential=held.get("credential", ""),
    )


def _order(voice: Voice) -> tuple[int, str]:
    return voice.at_ms, voice.person
