"""The steps of a signing key's life, and when each may be taken. Nothing here touches a ledger.

    next ─▶ active ─▶ retiring ─▶ gone

- A step is taken only from a manifest that every living broker serves: none would sign by a key
  that another does not show. One that fell silent is waited for as long as the overlap.
- ``next`` becomes ``active`` when it was shown for the overlap, and every broker has its private
  half: nobody who keeps a key set meets a stranger, and no broker stops giving.
- ``retiring`` goes when the last token that it signed has died, and the overlap has passed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from broker.clock import rfc3339
from broker.store.control_record import ControlRecord, GoneKey, PublicKey
from broker.store.replicas import Replica

NOT_IN_TIME: Final = 0
"""For what no clock ends."""


class Step(StrEnum):
    """What is done to the keys."""

    ANNOUNCE = "announce"
    """Show a new key."""
    PROMOTE = "promote"
    """Sign by the next key; the former one signs no more."""
    RETIRE = "retire"
    """Show the oldest retiring key no more."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a step may not be taken yet, and until when (0: until somebody does something).

    ``left_ms`` is how far away that is, by the ledger's clock.
    """

    what: str
    until_ms: int = NOT_IN_TIME
    left_ms: int = 0


def due_step(record: ControlRecord) -> Step:
    """Return the step that comes next."""
    if record.key("next"):
        return Step.PROMOTE
    return Step.RETIRE if record.key("retiring") else Step.ANNOUNCE


def is_possible(step: Step, record: ControlRecord) -> bool:
    """Tell whether there is a key for a step at all."""
    needed = {Step.PROMOTE: "next", Step.RETIRE: "retiring"}.get(step)
    is_waiting = step is Step.ANNOUNCE and record.key("next") is not None
    return not is_waiting and (needed is None or record.key(needed) is not None)


def obstacles(
    step: Step, record: ControlRecord, replicas: Sequence[Replica], overlap_ms: int
) -> list[Obstacle]:
    """Return everything that keeps a step from being taken now."""
    return [
        *_of_replicas(record, replicas, overlap_ms),
        *_of_halves(step, record, replicas),
        *_of_time(step, record, overlap_ms),
    ]


def may_end_ms(key: PublicKey, overlap_ms: int) -> int:
    """Return when a retiring key has no living token any more, and the overlap has passed."""
    return key.since_ms + key.longest_ms + overlap_ms


def announced(record: ControlRecord, made: PublicKey) -> tuple[PublicKey, ...]:
    """Return the keys after a new one is shown."""
    return (*record.keys, replace(made, state="next", since_ms=record.now_ms))


def promoted(record: ControlRecord) -> tuple[PublicKey, ...]:
    """Return the keys after the next one has become the active one."""
    longest_ms = record.published.longest_ms if record.published else 0
    following = {"next": ("active", longest_ms), "active": ("retiring", None)}
    keys = []
    for key in record.keys:
        state, longest = following.get(key.state, (key.state, None))
        changed = replace(key, state=state, since_ms=record.now_ms) if state != key.state else key
        keys.append(changed if longest is None else replace(changed, longest_ms=longest))
    return tuple(keys)


def without(record: ControlRecord, kid: str) -> tuple[PublicKey, ...]:
    """Return the keys without one."""
    return tuple(key for key in record.keys if key.kid != kid)


def gone(record: ControlRecord, kid: str, how: str, by: str, reason: str = "") -> GoneKey:
    """Remember a key that is shown no more."""
    return GoneKey(kid, how, record.now_ms, by, reason)


def _of_replicas(
    record: ControlRecord, replicas: Sequence[Replica], overlap_ms: int
) -> Iterator[Obstacle]:
    for replica in replicas:
        serving = replica.serving
        if replica.is_living and serving.manifest != record.manifest:
            yield Obstacle(
                f"{serving.name} serves manifest {serving.manifest}, not {record.manifest} yet"
                + (f" ({serving.trouble})" if serving.trouble else "")
            )
        elif not replica.is_living and replica.silent_ms < overlap_ms:
            until_ms = replica.seen_ms + overlap_ms
            yield Obstacle(
                f"{serving.name} has been silent for {replica.silent_ms // 1000} s, and may serve "
                f"manifest {serving.manifest}; it is waited for until {rfc3339(until_ms)}",
                until_ms,
                overlap_ms - replica.silent_ms,
            )


def _of_halves(
    step: Step, record: ControlRecord, replicas: Sequence[Replica]
) -> Iterator[Obstacle]:
    key = record.key("next")
    if step is not Step.PROMOTE or key is None:
        return
    for replica in replicas:
        if replica.is_living and key.kid not in replica.serving.halves:
            yield Obstacle(
                f"{replica.serving.name} lacks the private half of {key.kid}: "
                f"bring {key.kid}.pem into its key directory"
            )


def _of_time(step: Step, record: ControlRecord, overlap_ms: int) -> Iterator[Obstacle]:
    key = record.key({Step.PROMOTE: "next", Step.RETIRE: "retiring"}.get(step, ""))
    if key is None:
        return
    if step is Step.PROMOTE:
        until_ms, why = key.since_ms + overlap_ms, "not everybody who keeps the key set has it"
    else:
        until_ms, why = may_end_ms(key, overlap_ms), "tokens that it signed may be alive"
    if until_ms > record.now_ms:
        what = f"{key.kid}: {why} before {rfc3339(until_ms)}"
        yield Obstacle(what, until_ms, until_ms - record.now_ms)
