"""The words of a server of the OpenID AuthZEN Authorization API 1.0.

What it says besides ``decision`` counts only under :data:`KEY` of an answer's context; whatever
else a server sends is ignored, as the standard wants it (§5.2, §6.2).
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from broker.engines.dialect import Answered, Call
from broker.engines.opa import read_object
from broker.engines.question import Json
from broker.engines.verdict import GarbledAnswerError, converted, digest_of, verdict

KEY: Final = "jit_broker"
"""The member of an answer's context that obligations and rules stand under."""

REQUEST_ID: Final = "X-Request-ID"

UNNAMED: Final = "authzen"
"""What permits where a server names no rule."""


class AuthZen:
    """One server. It takes several questions in a call."""

    name = "authzen"

    def __init__(self, url: str, *, batch: int) -> None:
        self._url = url
        self.at_once = batch

    def call(self, questions: Sequence[Json]) -> Call:
        """Write the call: of one question to one endpoint, of several to the other."""
        headers = {REQUEST_ID: secrets.token_hex(16)}
        if len(questions) == 1:
            body = msgspec.json.encode(evaluation(questions[0]))
            return Call(f"{self._url}/access/v1/evaluation", body, headers)
        several = {
            "evaluations": [evaluation(question) for question in questions],
            "options": {"evaluations_semantic": "execute_all"},
        }
        body = msgspec.json.encode(several)
        return Call(f"{self._url}/access/v1/evaluations", body, headers)

    def read(
        self, call: Call, body: bytes, headers: Mapping[str, str]
    ) -> Sequence[Answered | GarbledAnswerError]:
        """Read the answers, in the order of the questions.

        Raises:
            GarbledAnswerError: it is not what the standard says, or answers something else.
        """
        wanted = call.headers[REQUEST_ID]
        if headers.get(REQUEST_ID, wanted) != wanted:
            raise GarbledAnswerError("the answer is to another request")
        answer = read_object(body)
        if call.url.endswith("/evaluation"):
            return (_answered(answer),)
        return [_answered_or_not(each) for each in _Several.of(answer)]


def evaluation(question: Json) -> Json:
    """Write a question as subject, action, resource and context."""
    capability, task = question["capability"], question["task"]
    principal = dict(question["principal"])
    is_credential = capability is not None
    return {
        "subject": {
            "type": principal.pop("kind"),
            "id": principal.pop("name"),
            "properties": principal,
        },
        "action": {
            "name": question["action"],
            "properties": {
                "scopes": question["scopes"],
                "ttl_seconds": question["ttl_seconds"],
            },
        },
        "resource": {
            "type": "capability" if is_credential else "agent",
            "id": capability["name"] if is_credential else task["agent"],
            "properties": capability or {},
        },
        "context": {name: question[name] for name in question if name not in _ELSEWHERE},
    }


_ELSEWHERE: Final = frozenset({"action", "principal", "capability", "scopes", "ttl_seconds"})
"""What subject, action and resource tell of a question."""


class _Several(msgspec.Struct, frozen=True):
    evaluations: list[object]

    @classmethod
    def of(cls, answer: Json) -> list[object]:
        return converted(answer, cls, "the answer").evaluations


class _Ours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands under :data:`KEY`."""

    obligations: dict[str, object] = msgspec.field(default_factory=dict)
    policies: tuple[object, ...] = ()


class _Evaluated(msgspec.Struct, frozen=True):
    decision: bool
    context: dict[str, object] | None = None


def _answered_or_not(answer: object) -> Answered | GarbledAnswerError:
    try:
        return _answered(answer)
    except GarbledAnswerError as error:
        return error


def _answered(answer: object) -> Answered:
    read = converted(answer, _Evaluated, "the answer")
    context = read.context or {}
    if read.decision and "error" in context:
        raise GarbledAnswerError("the answer permits, and tells of an error")
    ours = converted(context.get(KEY, {}), _Ours, f"context.{KEY}")
    said = {
        "allow": read.decision,
        "obligations": ours.obligations,
        "policies": list(ours.policies) or [UNNAMED] * read.decision,
    }
    return Answered(verdict(said), digest_of(said))
