"""Python of the pages that is a part of a program, within a program, against `broker dev`."""

import ast
import asyncio
import base64
import inspect
import secrets
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from broker.client import (
    BrokerClient,
    Ceiling,
    DpopKey,
    Presented,
    RefusalError,
    Secret,
    open_session,
    open_verifier,
    token_file,
)
from broker.clock import SystemClock
from broker.webhook_signing import ID, SIGNATURE, TIMESTAMP, parse_secret, signatures
from tests.fakes.guide import Guide
from tests.fakes.keyboard import Keyboard
from tests.fakes.playground import Up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def run(text: str, **there: Any) -> dict[str, Any]:
    """Run lines where such names are there; return all names."""
    code = compile(text, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if inspect.iscoroutine(ran := eval(code, there)):  # noqa: S307 - the pages are ours
        await ran
    return there


def fragment(page: str, words: str, language: str = "py") -> str:
    """Return the one block with these words."""
    (text,) = (each for each in Guide(page).of(language) if words in each)
    return text


def test_a_key_binds_what_an_agent_gets_and_a_server_takes_it_with_the_proof_alone(
    up: Up, keys: Keyboard, tmp_path: Path
) -> None:
    """The lines of both pages, one after the other; the same proof is taken once."""
    task = keys.opens()
    keys.becomes("agent:invoice-bot")

    scheme, token, again = asyncio.run(show(up, task, tmp_path / "token"))

    assert (scheme, token.task, again.error) == ("DPoP", task, "invalid_dpop_proof")


async def show(up: Up, task: str, path: Path) -> tuple[str, Any, Any]:
    """Get a bound credential and hand it over twice."""
    async with open_session() as session:
        agent = await run(
            fragment("agents.md", "DpopKey.generate()"),
            DpopKey=DpopKey,
            BrokerClient=BrokerClient,
            token_file=token_file,
            url=up["broker"],
            path=path,
            session=session,
            task=task,
            orders_url="https://orders.example/orders",
        )
    opening = fragment("resource-owners.md", "your public URL").replace('"orders"', "audience")
    source = token_file(Path(up["state"]) / "resource" / "token")
    names = {"broker": up["broker"], "audience": up["audience"], "source": source}
    server = await run(opening, open_verifier=open_verifier, **names)
    admit = fragment("resource-owners.md", "Presented(").replace("verifier.", "await verifier.")
    headers = agent["headers"]
    shown = {"authorization": headers["Authorization"], "proof": headers["DPoP"]}
    async with server["verifier"] as verifier:
        admitted = await run(admit, Presented=Presented, verifier=verifier, **shown)
        try:
            await run(admit, Presented=Presented, verifier=verifier, **shown)
        except RefusalError as refusal:
            return shown["authorization"].split()[0], admitted["token"], refusal
    raise AssertionError("a proof was taken twice")


def test_a_part_of_a_task_is_handed_on(up: Up, keys: Keyboard, tmp_path: Path) -> None:
    """The child names its agent, and comes with a handle."""
    parent = keys.opens()
    keys.becomes("agent:invoice-bot")
    child, handle = asyncio.run(hand_on(up, parent, tmp_path / "token"))
    keys.becomes("operator:alice")

    assert isinstance(handle, Secret)
    assert parent in keys.does(f"broker task show {child}").out


async def hand_on(up: Up, parent: str, path: Path) -> tuple[str, Secret | None]:
    """Call the page's function."""
    names = {"BrokerClient": BrokerClient, "Secret": Secret, "Ceiling": Ceiling}
    there = await run(fragment("sub-agents.md", "hand_on"), **names)
    async with open_session() as session:
        client = BrokerClient(up["broker"], token_file(path), session)
        made: tuple[str, Secret | None] = await there["hand_on"](client, parent)
        return made


async def test_a_notice_is_verified() -> None:
    """With a secret of the test's own in the place of the page's."""
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
    body = b'{"type":"approval.requested","timestamp":"t","data":{}}'
    at = str(SystemClock().now_ms() // 1000)
    signed = signatures([parse_secret(secret)], "msg_1", at, body)

    async def read() -> bytes:
        return body

    request = SimpleNamespace(headers={ID: "msg_1", TIMESTAMP: at, SIGNATURE: signed}, read=read)
    text = fragment("notices.md", "Webhooks(", "python").replace("whsec_…", secret)

    there = await run(text, request=request)

    assert there["message"].type == "approval.requested"
