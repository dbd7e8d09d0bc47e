"""`broker review diff`: what agents.yaml has to say, as a patch for `patch` and `git apply`."""

import sys
from pathlib import Path
from typing import Any

import click

from broker.cli.desk import Desk, at_desk, document
from broker.cli.failure import CommandFailedError
from broker.cli.settings import config_option, load
from broker.client.api import BrokerClient
from broker.reviews.patching import Wanted, patch_of


@click.command(short_help="Write what agents.yaml has to say, as a diff.")
@click.argument("review")
@click.option("--suggested", is_flag=True, help="What is suggested, where nobody has answered yet.")
@click.option("--agent", "agents", multiple=True, help="Only this agent; may be said again.")
@config_option
@at_desk
def diff(
    desk: Desk, /, review: str, agents: tuple[str, ...], config: Path, *, suggested: bool
) -> None:
    """Write the changes of agents.yaml that a review's answers ask for, as a unified diff.

    Apply it with `patch FILE` or `git apply`, look ahead with `broker policy replay` and
    `broker apply --dry-run`, and publish it with `broker apply`. Agents of the facts need none.
    """
    path = load(config).bundle.agents

    async def ask(broker: BrokerClient) -> list[dict[str, Any]]:
        return [document(each) for each in [e async for e in broker.reviews.all_agents(review)]]  # type: ignore[misc]  # JSON objects

    found = [each for each in desk.ask(ask) if not agents or each["entry"]["agent"] in agents]
    wanted = [w for each in found if (w := _wanted(each, suggested=suggested)) is not None]
    try:
        sys.stdout.write(patch_of(path.read_text(encoding="utf-8"), wanted, str(path)))
    except (OSError, ValueError) as error:
        raise CommandFailedError(f"{path}: {error}") from error


def _wanted(each: dict[str, Any], *, suggested: bool) -> Wanted | None:
    entry, answer = each["entry"], each["answer"]
    if entry["source"] != "bundle":
        return None
    if answer is not None:
        return Wanted(
            entry["agent"], answer["verdict"], tuple(answer["ceiling"]), answer["review_by"]
        )
    said = entry["suggestion"]
    if not suggested or said["verdict"] == "keep":
        return None
    return Wanted(entry["agent"], said["verdict"], tuple(said["ceiling"]), "")
