"""The words of an Open Policy Agent."""

import json
from typing import Any

import pytest

from broker.engines.opa import Opa
from broker.engines.verdict import GarbledAnswerError

URL = "https://opa.example/v1/data/jit/decision"
RESULT = {"allow": True, "obligations": {}, "policies": ["p"]}


def read(answer: Any) -> Any:
    """Read an answer."""
    opa = Opa(URL)
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    (answered,) = opa.read(opa.call([{}]), body, {})
    return answered


def test_a_question_is_the_input_of_one_document() -> None:
    """With the wish to be told which bundles decided."""
    call = Opa(URL).call([{"action": "OpenTask"}])

    assert call.url == f"{URL}?provenance=true"
    assert json.loads(call.body) == {"input": {"action": "OpenTask"}}


def test_what_an_opa_says_besides_is_allowed() -> None:
    """Its own decision's id, and what decided."""
    answered = read({"result": RESULT, "decision_id": "d", "metrics": {}, "provenance": {}})

    assert answered.verdict.allow is True


def test_what_decided_is_the_bundles_or_else_the_answer() -> None:
    """Another revision is another version; so is another answer where no revision is known."""

    def version(revision: str, **result: Any) -> str:
        bundles = {"main": {"revision": revision}}
        provenance = {"version": "1.22.3", "bundles": bundles}
        return str(read({"result": RESULT | result, "provenance": provenance}).version)

    assert version("7") == version("7", policies=["q"])
    assert version("7") != version("8")
    assert version("") == version("")
    assert version("") != version("", policies=["q"])


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"decision_id": "d"},
        {"result": None},
        {"result": {}},
        {"result": True},
        {"result": [RESULT]},
        {"result": RESULT, "warning": {"code": "api_usage_warning"}},
        {"result": RESULT, "errors": []},
        {"result": RESULT, "provenance": 7},
        {"result": RESULT, "provenance": {"bundles": {"main": {"revision": 7}}}},
        [{"result": RESULT}],
        b"",
        b"null",
        b'{"result": {"allow": true, "allow": false, "obligations": {}, "policies": ["p"]}}',
        b'{"result": {"allow": NaN, "obligations": {}, "policies": ["p"]}}',
        b'{"result": {"allow": true, "obligations": {}, "policies": ["p"]}}}',
        b'{"result": {"allow": true, "obligations": {}, "policies": ["p"]}',
        b"\xff\xfe",
        b"[" * 5000,
    ],
    ids=repr,
)
def test_what_is_not_documented_is_no_answer(answer: Any) -> None:
    """An undefined document is none, and neither is one that may be read in two ways."""
    with pytest.raises(GarbledAnswerError):
        read(answer)
