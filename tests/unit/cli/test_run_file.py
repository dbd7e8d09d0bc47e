"""A run file: what it says, what it cannot say, and what wins over it."""

from pathlib import Path
from typing import Any

import pytest

from broker.cli.run import run_
from broker.cli.run_file import RunFile, read_run_file
from broker.cli.run_options import OPENER
from broker.errors import ConfigurationError
from broker.running.need import Need
from broker.running.shapes.env import Env
from broker.running.shapes.kubeconfig import Kubeconfig

WHOLE = """
task: count-orders
agent: invoice-bot
tenant: acme
ttl: 30m
idle: 20
on_behalf_of: user:bob
tickets: [T-1, T-2]
resources: ["order:7"]
parent: t_03_aaaaaaaaaaaaaaaaaaaaaaaaaa
opener_token_file: keys/opener.token
needs:
  - capability: orders-api
    scopes: [orders:read]
    as: env:ORDERS_
  - name: cluster
    capability: k8s
    scopes: [pods:list, pods:get]
    as: ["kubeconfig=https://k.example,ca.pem", env]
    credential_ttl: 2m
proxy:
  only_declared: true
  upstream_ca: ca.pem
  log: uses.jsonl
  routes:
    - {need: orders-api, host: orders.example, methods: [GET], paths: [/orders]}
on_revoked: warn
grace: 5s
wait_for_approval: 1h
keep_env: [BROKER_URL]
command: [shop/orders.sh, --all]
"""


def written(folder: Path, text: str) -> Path:
    """Write a run file, and the authority that it may name."""
    (folder / "ca.pem").touch()
    file = folder / "run.yaml"
    file.write_text(text)
    return file


def faults(folder: Path, text: str) -> list[str]:
    """Return what is wrong with a run file, without its folder."""
    with pytest.raises(ConfigurationError) as refused:
        read_run_file(written(folder, text))
    return [str(fault).removeprefix(f"{folder}/") for fault in refused.value.faults]


def filled(file: RunFile, *line: str) -> dict[str, Any]:
    """Return what is known of a run after its command line was read."""
    desk = ("--broker", "http://127.0.0.1:9", "--token-file", "t")
    context = run_.make_context("run", [*desk, *line, "--", "true"])
    given = dict(context.params)
    file.fill(context, given)
    return given


def test_a_run_file_says_what_the_options_say(tmp_path: Path) -> None:
    """Lengths as on the command line or in seconds; its paths begin where it is."""
    file = read_run_file(written(tmp_path, WHOLE))

    authority = str((tmp_path / "ca.pem").resolve())
    assert file.command == ("shop/orders.sh", "--all")
    assert file.needs == (
        Need(
            name="orders-api",
            capability="orders-api",
            scopes=("orders:read",),
            shapes=(Env("ORDERS_"),),
        ),
        Need(
            name="cluster",
            capability="k8s",
            scopes=("pods:list", "pods:get"),
            ttl_seconds=120,
            shapes=(Kubeconfig("https://k.example", authority), Env()),
        ),
    )
    assert [(route.need, route.authority.host) for route in file.routes] == [
        ("orders-api", "orders.example")
    ]
    assert file.options == {
        "name": "count-orders",
        "agent": "invoice-bot",
        "tenant": "acme",
        "ttl": 1800,
        "idle": 20,
        "on_behalf_of": "user:bob",
        "tickets": ["T-1", "T-2"],
        "resources": ["order:7"],
        "parent": "t_03_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "opener_token_file": tmp_path / "keys/opener.token",
        "on_revoked": "warn",
        "grace": 5,
        "wait_for_approval": 3600,
        "keep_env": ["BROKER_URL"],
        "only_declared": True,
        "upstream_ca": tmp_path / "ca.pem",
        "proxy_log": tmp_path / "uses.jsonl",
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("task: a\ntasks: b\n", "run.yaml:2: tasks: no such setting — did you mean `task`?"),
        ("broker: https://evil.example\n", "run.yaml:1: broker: no such setting"),
        ("token_file: /etc/shadow\n", "run.yaml:1: token_file: no such setting"),
        ("task_id: t_03\n", "run.yaml:1: task_id: no such setting"),
        ("\ntask: ''\n", "run.yaml:2: task: Expected `str` of length >= 1"),
        ("ttl: soon\n", "run.yaml:1: ttl: 'soon' is no duration"),
        ("ttl: 0\n", "run.yaml:1: ttl: '0' is too short"),
        ("grace: -1\n", "run.yaml:1: grace: '-1' is no duration"),
        ("on_revoked: kill\n", "write one of: term, warn"),
        ("may_ask: yes\n", "run.yaml:1: may_ask: Expected `bool`"),
        ("command: rm -rf /\n", "run.yaml:1: command: Expected `array`"),
        ("command: ['', x]\n", "run.yaml:1: command[0]: Expected `str` of length >= 1"),
        ("needs: [{scopes: [a]}]\n", "run.yaml:1: needs[0].capability: missing"),
        (
            "needs: [{capability: a, scopes: []}]\n",
            "needs[0].scopes: Expected `array` of length >= 1",
        ),
        ("needs: [{capability: a, scopes: ['']}]\n", "needs[0].scopes[0]: Expected `str`"),
        ("needs: [{capability: '', scopes: [x]}]\n", "needs[0].capability: Expected `str` of"),
        ("needs: [{name: .., capability: a, scopes: [x]}]\n", "needs[0].name: '..' is no name"),
        (
            "needs: [{capability: env, scopes: [x]}]\n",
            "needs[0].capability: a need cannot be called",
        ),
        (
            "needs:\n- {capability: a, scopes: [x], as: b}\n",
            "run.yaml:2: needs[0].as: 'b' is no shape",
        ),
        (
            "needs:\n- {capability: a, scopes: [x]}\n- {capability: a, scopes: [y]}\n",
            "run.yaml:3: needs[1]: two needs are called a",
        ),
        (
            "needs: [{capability: a, scopes: [x], credential_ttl: 1w}]\n",
            "needs[0].credential_ttl: '1w' is no duration",
        ),
        (
            "proxy:\n  routes:\n  - {need: a, host: h.example, methods: [GET], paths: [/]}\n",
            "run.yaml:3: proxy.routes[0].need: is for a need that is not here",
        ),
        (
            "proxy:\n  routes:\n  - {need: a, methods: [GET], paths: [/],\n    host: 10.0.0.1}\n",
            "run.yaml:4: proxy.routes[0].host: ",
        ),
        ("proxy: {routes: []}\n", "run.yaml:1: proxy.routes: declare 1 to "),
        ("proxy: {routes: [{need: a, hosts: b}]}\n", "run.yaml:1: proxy.routes: is not a list of"),
        ("task: &a b\n", "run.yaml:1"),
        ("task: a\ntask: b\n", "run.yaml:2"),
        ("", "run.yaml: empty"),
        ("- a\n", "run.yaml:1: Expected `object`"),
        ("\x00", "run.yaml"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    """Where the broker is and what is shown to it are no members at all."""
    assert told in "\n".join(faults(tmp_path, text))


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    """One reading, one list."""
    needs = "needs:\n- {capability: a, scopes: [x], credential_ttl: 0}\n"
    text = f"ttl: soon\n{needs}- {{capability: b, scopes: [x], as: c}}\n"

    assert [fault.split(": ")[0] for fault in faults(tmp_path, text)] == [
        "run.yaml:1",
        "run.yaml:3",
        "run.yaml:4",
    ]


def test_what_the_command_line_or_a_variable_says_takes_the_files_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it says the default; the rest is the file's."""
    monkeypatch.setenv("BROKER_TENANT", "globex")
    monkeypatch.setenv(OPENER, "mine.token")
    monkeypatch.delenv("BROKER_AGENT", raising=False)
    file = read_run_file(written(tmp_path, WHOLE))

    given = filled(
        file, "--ttl", "1h", "--ticket", "T-9", "--task", "other", "--on-revoked", "term"
    )

    assert (given["ttl"], given["tickets"], given["name"]) == (3600, ("T-9",), "other")
    assert (given["tenant"], given["opener_token_file"]) == ("globex", Path("mine.token"))
    assert (given["on_revoked"], given["agent"], given["idle"]) == ("term", "invoice-bot", 20)


def test_a_task_that_is_taken_is_not_opened_by_the_files_name(tmp_path: Path) -> None:
    """Which task is said once."""
    given = filled(read_run_file(written(tmp_path, "task: a\n")), "--task-id", "t_03_x")

    assert (given["name"], given["task_id"]) == ("", "t_03_x")


def test_without_a_file_nothing_is_changed() -> None:
    """Not even what was left out."""
    given = filled(RunFile(), "--task", "a")

    assert (given["name"], given["ttl"], given["may_ask"]) == ("a", 3600, False)
