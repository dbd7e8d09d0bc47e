"""An agent as a program of its own, vouched for by the Workload API alone.

It does what the lines of its standard input say, each a JSON list, and answers each by one line.
"""

import asyncio
import json
import os
import sys
from typing import Any

from broker.client import (
    BrokerClient,
    ClientError,
    TokenSource,
    open_session,
    workload_api_token,
)


async def obey(client: BrokerClient, source: TokenSource, order: list[str]) -> dict[str, Any]:
    """Do one thing as a client of the broker, or show an SVID."""
    match order:
        case ["svid"]:
            return {"svid": await source()}
        case ["issue", task]:
            issued = await client.credentials.issue(
                task, "orders-api", scopes=("orders:read",), ttl_seconds=120
            )
        case ["renew", credential]:
            issued = await client.credentials.renew(credential, ttl_seconds=600)
        case ["complete", task]:
            return {"state": (await client.tasks.complete(task)).task.state}
        case _:
            raise ValueError(order)
    return {
        "credential": issued.id,
        "task": issued.task,
        "audience": issued.audience,
        "token": issued.access_token.reveal(),
    }


async def main() -> None:
    """Obey until there are no more orders."""
    source = workload_api_token(
        os.environ["AUDIENCE"],
        subject=os.environ.get("SUBJECT", ""),
        timeout_seconds=60,  # a loaded machine is slow to answer
    )
    async with open_session() as session:
        client = BrokerClient(os.environ["BROKER_URL"], source, session)
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                answer = await obey(client, source, json.loads(line))
            except ClientError as error:
                answer = {"error": type(error).__name__, "says": str(error)}
                answer["remedy"] = error.remedy
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
