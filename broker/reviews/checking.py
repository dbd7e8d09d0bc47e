"""Whether an exported review is what was put before its owner, and its answers what was given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from broker.reviews.answers import SIGNED, answer_digest, audience_of
from broker.reviews.packets import Entry, Header, digest_of, encode
from broker.reviews.trails import Trails

ReadSignature = Callable[[str], Mapping[str, object]]
"""Returns what is signed, verified; raises ValueError where it is not the broker's."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found.

    ``in_trail`` is how many of the answers stand in a whole trail, ``signed`` how many the broker's
    signature is good of; none, where they were not to be looked at.
    """

    packet: str
    answers: int
    in_trail: int
    signed: int
    faults: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Tell whether nothing is wrong with it."""
        return not self.faults


def check_export(
    whole: Mapping[str, Any], trails: Sequence[Path], read: ReadSignature | None = None
) -> Checked:
    """Compute the packet's digest anew, and look for every answer and, with ``read``, signature.

    Raises:
        KeyError, TypeError, msgspec.ValidationError: it is no exported review.
        OSError: a trail cannot be read to its end.
    """
    review, faults = whole["review"], []
    header = encode(msgspec.convert(review["header"], Header))
    entries = [msgspec.convert(each["entry"], Entry) for each in whole["agents"]]
    entries.sort(key=lambda entry: entry.agent)
    packet = digest_of(header, [encode(entry) for entry in entries])
    if packet != review["packet"]:
        faults.append(f"its agents make packet {packet}, not {review['packet']}")
    answers = {
        each["answer"]["agent"]: each["answer"] for each in whole["agents"] if each["answer"]
    }
    for each in whole["agents"]:
        faults += _of_answer(review, each)
    found, told = _in_trails(answers, trails)
    unsigned = [] if read is None else _unsigned(answers, read)
    signed = 0 if read is None else len(answers) - len(unsigned)
    return Checked(packet, len(answers), found, signed, (*faults, *told, *unsigned))


def _unsigned(answers: Mapping[str, Mapping[str, Any]], read: ReadSignature) -> list[str]:
    """Say of which answers the broker has not signed just that."""
    faults = []
    for agent, answer in sorted(answers.items()):
        try:
            claims = read(str(answer.get("signature", "")))
        except ValueError as error:
            faults.append(f"the signature of the answer about {agent}: {error}")
            continue
        wanted = {name: answer[name] for name in ("review", "agent", "verdict", "packet", "by")}
        wanted |= {"aud": audience_of(answer["review"]), "answer": answer_digest(answer)}
        if any(claims.get(name) != value for name, value in wanted.items()):
            faults.append(f"the signature of the answer about {agent} is of another answer")
    return faults


def _of_answer(review: Mapping[str, Any], each: Mapping[str, Any]) -> list[str]:
    answer, agent = each["answer"], each["entry"]["agent"]
    if answer is None:
        return []
    wanted = (review["id"], agent, review["packet"])
    is_its_own = (answer["review"], answer["agent"], answer["packet"]) == wanted
    return [] if is_its_own else [f"the answer about {agent} is about something else"]


def _in_trails(
    answers: Mapping[str, Mapping[str, Any]], trails: Sequence[Path]
) -> tuple[int, list[str]]:
    if not trails:
        return 0, []
    read = Trails(trails, lambda _done, _total: None)
    waiting = dict(answers)
    for record in read.records():
        known = waiting.get(str(record.get("agent", "")))
        if record.get("type") == "review.answered" and known is not None and _same(record, known):
            del waiting[str(record["agent"])]
    faults = list(read.evidence.faults)
    faults += [f"the answer about {agent} is in no trail" for agent in sorted(waiting)]
    return len(answers) - len(waiting), faults


def _same(record: Mapping[str, object], answer: Mapping[str, Any]) -> bool:
    return all(_plain(record.get(name)) == _plain(answer[name]) for name in SIGNED)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, list | tuple) else value
