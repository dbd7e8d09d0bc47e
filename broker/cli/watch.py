"""`broker watch`: end the tasks of jobs when what runs the jobs says that they have ended."""

import json
import re
from pathlib import Path
from typing import Any, Final

import click

from broker.cli.desk import Desk, at_desk
from broker.cli.failure import CommandFailedError
from broker.client.api import BrokerClient
from broker.client.endpoint import open_session, parse_base_url
from broker.watching.api_server import Address, ApiServer
from broker.watching.following import Following
from broker.watching.jobs import LABEL, Kind
from broker.watching.telling import Telling

_MOUNTED: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_NAMESPACE: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
"""RFC 1123: nothing that could lead to another path of the API."""


@click.group(short_help="End the tasks of jobs when these have ended.")
def watch() -> None:
    """End the tasks of jobs when what runs the jobs says that they have ended."""


@watch.command(short_help="Watch Jobs or Pods of Kubernetes.")
@click.option("--namespace", default="", help="Which; default the watcher's own.")
@click.option(
    "--kind",
    type=click.Choice([*Kind]),
    default=Kind.JOBS,
    show_default=True,
    help="What is watched.",
)
@click.option(
    "--api",
    "api_url",
    default="https://kubernetes.default.svc",
    show_default=True,
    help="The API server.",
)
@click.option(
    "--api-token-file",
    type=click.Path(path_type=Path),
    default=_MOUNTED / "token",
    show_default=True,
    help="The token that the API server is shown; read for each request.",
)
@click.option(
    "--api-ca-file",
    type=click.Path(path_type=Path),
    help="The only authority to trust for it; default what is mounted beside the token.",
)
@at_desk
def kubernetes(
    desk: Desk,
    /,
    namespace: str,
    kind: str,
    api_url: str,
    api_token_file: Path,
    **rest: Any,  # noqa: ANN401 - words of the options
) -> None:
    """Watch the Jobs (or Pods) that have the label `broker/task-id`, and end the task it names.

    A Job that is complete completes its task, one that has failed fails it, and one that is deleted
    before cancels it. The caller has to be who opened the tasks. Runs until it is stopped, whatever
    happens to the API server or the broker; says what it does in lines of JSON.
    """
    try:
        parse_base_url(api_url, allow_plain_http=False)
    except ValueError as error:
        raise click.UsageError(f"--api: {error}") from None
    address = Address(api_url, api_token_file, _authority(rest["api_ca_file"], api_token_file))
    where = namespace or _own_namespace(api_token_file)
    if _NAMESPACE.fullmatch(where) is None:
        raise click.UsageError("--namespace: write 1 to 63 of a-z 0-9 -, as Kubernetes names one")

    async def follow(broker: BrokerClient) -> None:
        async with open_session() as session:
            telling = Telling(broker.tasks, _say)
            server = ApiServer(address, Kind(kind), where, session)
            try:
                await Following(server, Kind(kind), tells=telling, say=_say).run()
            finally:
                await telling.close()

    desk.ask(follow)


def _say(event: str, **about: str | int) -> None:
    click.echo(json.dumps({"event": event, **about}))


def _authority(given: Path | None, token_file: Path) -> Path | None:
    beside = token_file.parent / "ca.crt"
    return given or (beside if beside.exists() else None)


def _own_namespace(token_file: Path) -> str:
    try:
        return (token_file.parent / "namespace").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        raise CommandFailedError(
            f"Say which --namespace: none is mounted beside {token_file}. ({LABEL} marks jobs.)"
        ) from None
