"""The words of a server of the OpenID AuthZEN Authorization API 1.0."""

import json
from typing import Any

import pytest

from broker.engines.authzen import AuthZen
from broker.engines.dialect import Answered, Call
from broker.engines.question import question
from broker.engines.verdict import GarbledAnswerError
from broker.policy.query import Action
from tests.fakes.policy import PERMIT_ALL, QUERY, engine
from tests.fakes.replace import replace

URL = "https://pdp.example"
ZEN = AuthZen(URL, batch=50)
TASK_QUERY = replace(QUERY, action=Action.EXTEND_TASK, capability=None, scopes=frozenset())
QUESTION = question(QUERY, engine(PERMIT_ALL).shown(QUERY))


def read(answer: Any, questions: int = 1, headers: Any = None) -> Any:
    """Read an answer to so many questions."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return ZEN.read(ZEN.call([QUESTION] * questions), body, headers or {})


def one(answer: Any) -> Answered:
    """Read the answer to one question."""
    (answered,) = read(answer)
    assert isinstance(answered, Answered)
    return answered


def test_a_question_is_subject_action_resource_and_context() -> None:
    """§5: each with what is known of it; the registered and the task are context."""
    call = ZEN.call([QUESTION])
    told = json.loads(call.body)

    assert call.url == f"{URL}/access/v1/evaluation"
    assert told["subject"]["type"] == "agent"
    assert told["subject"]["id"] == "invoice-bot"
    assert told["subject"]["properties"]["issuer"] == "https://issuer.example"
    assert told["action"]["name"] == "RequestCredential"
    assert told["action"]["properties"] == {"scopes": ["orders:read"], "ttl_seconds": 60}
    assert (told["resource"]["type"], told["resource"]["id"]) == ("capability", "orders-api")
    assert told["resource"]["properties"]["audience"] == "https://orders.example"
    assert told["context"]["task"]["tenant"] == "acme"
    assert len(told["context"]["entities"]) == 3


def test_every_fact_of_the_question_is_told_once() -> None:
    """Nothing is lost on the way into the standard's four parts."""
    told = json.loads(ZEN.call([QUESTION]).body)

    parts = {**told["context"], **told["action"]["properties"]}
    assert QUESTION.keys() - parts.keys() == {"action", "principal", "capability"}


def test_what_is_done_to_a_task_is_done_to_its_agent() -> None:
    """There is no capability then."""
    told = json.loads(ZEN.call([question(TASK_QUERY, engine(PERMIT_ALL).shown(TASK_QUERY))]).body)

    assert told["resource"] == {"type": "agent", "id": "invoice-bot", "properties": {}}


def test_several_questions_are_one_call() -> None:
    """All of them are to be answered; each call has an id of its own."""
    call = ZEN.call([QUESTION, QUESTION])
    told = json.loads(call.body)

    assert call.url == f"{URL}/access/v1/evaluations"
    assert len(told["evaluations"]) == 2
    assert told["options"] == {"evaluations_semantic": "execute_all"}
    assert call.headers != ZEN.call([QUESTION, QUESTION]).headers


def test_a_plain_decision_is_enough() -> None:
    """Any server of the standard will do; unknown members are ignored, as it wants."""
    assert one({"decision": True}).verdict.allow is True
    assert one({"decision": True, "context": {"id": "0", "reason": "x"}, "y": 1}).verdict.allow
    assert one({"decision": True, "context": None}).verdict.policies == ("authzen",)
    assert one({"decision": False}).verdict.policies == ()
    assert one({"decision": False, "context": {"error": {"status": 404}}}).verdict.allow is False


def test_obligations_stand_under_one_key() -> None:
    """They bind as those of a policy."""
    ours = {"obligations": {"max_ttl_seconds": 9}, "policies": ["p"]}

    answered = one({"decision": True, "context": {"jit_broker": ours}})

    assert answered.verdict.obligations.max_ttl_seconds == 9
    assert answered.verdict.policies == ("p",)
    assert answered.version != one({"decision": True}).version


LIES: list[Any] = [
    {},
    {"decision": "true"},
    {"decision": 1},
    {"decision": None},
    {"context": {}},
    {"decision": True, "context": "x"},
    {"decision": True, "context": {"error": {"status": 500}}},
    {"decision": True, "context": {"jit_broker": None}},
    {"decision": True, "context": {"jit_broker": {"obligation": {}}}},
    {"decision": True, "context": {"jit_broker": {"obligations": {"ttl": 1}}}},
    {"decision": True, "context": {"jit_broker": {"obligations": {"max_ttl_seconds": "1"}}}},
    {"decision": True, "context": {"jit_broker": {"policies": "p"}}},
    {"decision": False, "context": {"jit_broker": {"obligations": {"max_ttl_seconds": 1}}}},
    {"evaluations": [{"decision": True}]},
    b'{"decision": true, "decision": false}',
    b"true",
]


@pytest.mark.parametrize("answer", LIES, ids=repr)
def test_what_is_not_the_standards_is_no_answer(answer: Any) -> None:
    """Nor is a permit whose obligations are not understood."""
    with pytest.raises(GarbledAnswerError):
        read(answer)


def test_one_answer_that_is_none_spoils_no_other() -> None:
    """In a batch each is read by itself."""
    answers = read({"evaluations": [{"decision": True}, {"decision": "true"}]}, 2)

    assert answers[0].verdict.allow is True
    assert isinstance(answers[1], GarbledAnswerError)


@pytest.mark.parametrize(
    "answer", [{"decision": True}, {"evaluations": {}}, {"evaluations": None}, []], ids=repr
)
def test_a_batch_is_answered_as_a_batch(answer: Any) -> None:
    """One decision is not the decision of several."""
    with pytest.raises(GarbledAnswerError):
        read(answer, 2)


def test_an_answer_to_another_request_is_none() -> None:
    """Whatever mixed them up; a server that names no request is believed."""
    call: Call = ZEN.call([QUESTION])
    body = b'{"decision": true}'

    assert ZEN.read(call, body, call.headers)
    assert ZEN.read(call, body, {})
    with pytest.raises(GarbledAnswerError):
        ZEN.read(call, body, {"X-Request-ID": "another"})
