import json
from typing import Any

import pytest

from broker.secret import Secret
from broker.shapes import kubernetes
from broker.shapes.given import Given, UnfitError

SERVER = "https://127.0.0.1:6443"


def question(**changes: Any) -> str:
    """What kubectl 1.32 puts into the environment."""
    return json.dumps(
        {
            "kind": "ExecCredential",
            "apiVersion": "client.authentication.k8s.io/v1",
            "spec": {"interactive": False, "cluster": {"server": SERVER, "config": None}},
            **changes,
        }
    )


def test_the_token_comes_with_its_end() -> None:
    """After which kubectl asks again."""
    given = Given("jwt", {"access_token": Secret("t")}, 1_764_500_000_999)

    assert json.loads(kubernetes.answer(given)) == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "t", "expirationTimestamp": "2025-11-30T10:53:20Z"},
    }


def test_the_question_names_the_cluster_if_kubectl_was_told_to() -> None:
    """Else there is none."""
    assert kubernetes.server(question()) == SERVER
    assert kubernetes.server(question(spec={"interactive": True})) == ""


@pytest.mark.parametrize(
    "said",
    [
        *("", "{", "[]", "null", '{"kind": "ExecCredential"}'),
        question(apiVersion="client.authentication.k8s.io/v1beta1"),
        question(kind="Pod"),
        question(spec=None),
        question(spec={}),
        question(spec={"interactive": "false"}),
        question(spec={"interactive": False, "cluster": []}),
        question(spec={"interactive": False, "cluster": {"server": 7}}),
        '{"kind": "a", ' + question()[1:],
        "\ud800",
    ],
    ids=ascii,
)
def test_any_other_question_is_refused(said: str) -> None:
    """Also one that says a thing twice."""
    with pytest.raises(UnfitError, match="KUBERNETES_EXEC_INFO"):
        kubernetes.server(said)


@pytest.mark.parametrize("named", ["https://evil.example", SERVER + "0", ""])
def test_only_a_declared_server_gets_it(named: str) -> None:
    """Where servers are declared."""
    kubernetes.require_server(SERVER + "/", (SERVER,))
    kubernetes.require_server(named, ())
    with pytest.raises(UnfitError):
        kubernetes.require_server(named, (SERVER,))


@pytest.mark.parametrize("token", ["", "a b", "a\n", "ä"])
def test_a_token_that_no_header_carries_is_refused(token: str) -> None:
    """Before kubectl puts it into one."""
    with pytest.raises(UnfitError, match="header"):
        kubernetes.answer(Given("toy", {"token": Secret(token)}, 0))
