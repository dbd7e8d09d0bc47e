"""The words of an Open Policy Agent: its REST API, ``POST /v1/data/<path>`` with ``input``."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from broker import strict_json
from broker.engines.channel import MAX_ANSWER_BYTES
from broker.engines.dialect import Answered, Call
from broker.engines.question import Json
from broker.engines.verdict import GarbledAnswerError, converted, digest_of, verdict
from broker.errors import InvalidRequestError

_ENVELOPE: Final = frozenset({"result", "decision_id", "provenance", "metrics"})
"""What an OPA may send. A ``warning`` says that it did not take the question as it was meant."""


class Opa:
    """One document of one OPA. It takes one question in a call."""

    name = "opa"
    at_once = 1

    def __init__(self, url: str) -> None:
        self._url = f"{url}?provenance=true"

    def call(self, questions: Sequence[Json]) -> Call:
        """Write the call."""
        (question,) = questions
        return Call(self._url, msgspec.json.encode({"input": question}))

    def read(self, call: Call, body: bytes, headers: Mapping[str, str]) -> Sequence[Answered]:  # noqa: ARG002 - of the port
        """Read the one answer.

        Raises:
            GarbledAnswerError: it is not what is documented.
        """
        answer = read_object(body)
        if "result" not in answer:
            raise GarbledAnswerError("the document is undefined: is the policy loaded?")
        if not answer.keys() <= _ENVELOPE:
            raise GarbledAnswerError("the answer has more than an OPA says")
        result = answer["result"]
        return (Answered(verdict(result), _version(result, answer.get("provenance"))),)


def read_object(body: bytes) -> Json:
    """Read JSON strictly.

    Raises:
        GarbledAnswerError: it is no JSON object, or may be read in two ways.
    """
    try:
        return strict_json.loads_object(body, max_bytes=MAX_ANSWER_BYTES, field="answer")
    except InvalidRequestError as error:
        why = str(error)
    raise GarbledAnswerError(f"the answer is {why}")


class _Bundle(msgspec.Struct, frozen=True):
    revision: str = ""


class _Provenance(msgspec.Struct, frozen=True):
    bundles: dict[str, _Bundle] = msgspec.field(default_factory=dict)


def _version(result: object, provenance: object) -> str:
    """Name what decided: the revisions of the bundles that the OPA runs, else the answer itself."""
    found = converted({} if provenance is None else provenance, _Provenance, "the provenance")
    revisions = {name: bundle.revision for name, bundle in found.bundles.items()}
    return digest_of(revisions) if any(revisions.values()) else digest_of(result)
