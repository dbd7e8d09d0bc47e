"""An orchestrator's message ends a task at a broker that dies: whoever sends it again ends it."""

from pathlib import Path
from typing import Any, Final

import yaml
from aiohttp import ClientConnectionError

from broker.client.errors import BrokerUnreachableError
from broker.clock import SystemClock
from broker.signing.private_files import write_private
from broker.webhook_signing import ID, SIGNATURE, TIMESTAMP, parse_secret, signatures
from tests.chaos.scenarios import COMPLETE, Play, Scenario

_SECRET: Final = "whsec_" + "M" * 43 + "="


def take_messages(config: Path) -> None:
    """Declare the orchestrator of these tests in a folder of configuration files."""
    secret = config / "ends"
    write_private(secret, _SECRET.encode())
    issuers: Any = yaml.safe_load((config / "issuers.yaml").read_text())
    source = {
        "orchestrator": "ci-orchestrator",
        "issuer": issuers["issuers"][0]["issuer"],
        "keys_file": str(secret),
    }
    for file in config.glob("broker*.yaml"):
        settings: Any = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump({**settings, "ends": {"sources": [source]}}))


async def _tell(play: Play) -> str:
    """Send the message, with a new time for each attempt, as senders do."""
    body = b'{"type":"task.completed","data":{"task":"%s"}}' % play.task.encode()
    at = str(SystemClock().now_ms() // 1000)
    headers = {
        "Content-Type": "application/json",
        ID: play.key,
        TIMESTAMP: at,
        SIGNATURE: signatures([parse_secret(_SECRET)], play.key, at, body),
    }
    url = f"{play.cast.url}/v1/ends/ci-orchestrator"
    try:
        async with play.cast.world.session.post(url, data=body, headers=headers) as answer:
            told = await answer.json()
            assert answer.status == 200, told
            return str(told["task"]["ended_by"])
    except ClientConnectionError as error:
        raise BrokerUnreachableError("it died") from error


TELL: Final = Scenario(COMPLETE.prepare, _tell, COMPLETE.check)
