"""`broker credential-helper docker`, and `docker-credential-broker`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click
from click.exceptions import Exit

from broker.cli import exits
from broker.cli.failure import CommandFailedError
from broker.cli.helper_input import said
from broker.cli.helper_wish import Wish, wishing
from broker.cli.one import One
from broker.shapes import docker as form
from broker.shapes import hosts
from broker.shapes.given import USERNAME, UnfitError
from broker.terminal import shown

REGISTRIES: Final = "BROKER_DOCKER_REGISTRIES"
"""For `docker-credential-broker`, which Docker starts without options: HOST=NEED HOST=NEED…"""


@click.command(short_help="Docker: a credential helper.")
@click.argument("operation", type=click.Choice(["get", "store", "erase", "list"]))
@click.option(
    "--registry",
    "declared",
    multiple=True,
    envvar=REGISTRIES,
    help="For which registry: HOST[:PORT], or HOST[:PORT]=NEED.",
)
@click.option("--username", cls=One, help="As whom, where the credential has no name of its own.")
@click.option("--word", cls=One, help="Which of its words is the token.")
@wishing
def docker(
    wish: Wish, operation: str, declared: tuple[str, ...], *, username: str, word: str
) -> None:
    """Answer Docker's OPERATION: get and list; store is refused, erase has nothing to erase.

    Docker starts it as docker-credential-broker where its configuration says
    "credHelpers": {"HOST": "broker"}; BROKER_DOCKER_REGISTRIES then says HOST=NEED, one for each
    registry.
    """
    with _errors_as_docker_reads_them():
        wishes = dict(_declared(wish, each) for each in declared)
        if operation == "list":
            click.echo(form.listing(wishes, username or USERNAME))
            return
        heard = said(form.MOST_BYTES)
        if operation == "store":
            raise UnfitError(form.STORES_NOTHING)
        if operation == "get":
            click.echo(_login(wishes, heard, username=username, word=word))


def _login(wishes: dict[str, Wish], heard: bytes, *, username: str, word: str) -> str:
    registry = form.registry(heard)
    if registry not in wishes:
        raise UnfitError(form.NOT_FOUND)
    if form.is_plain(heard) and not hosts.is_loopback(registry):
        raise UnfitError(f"it would travel to {registry} in clear text: use https")
    shape = wishes[registry].shaped
    return shape(lambda given: form.answer(given, heard, username=username, word=word))


def _declared(wish: Wish, text: str) -> tuple[str, Wish]:
    host, is_named, need = text.partition("=")
    return hosts.normal(host), wish.of(need) if is_named else wish


@contextmanager
def _errors_as_docker_reads_them() -> Iterator[None]:
    """Write what went wrong to standard output, in one line: Docker reads it there."""
    try:
        yield
    except UnfitError as error:
        click.echo(shown(str(error)))
        raise Exit(exits.REFUSED) from error
    except CommandFailedError as error:
        click.echo(shown(" ".join(error.message.split())))
        raise Exit(error.exit_code) from error
    except click.UsageError as error:
        click.echo(shown(error.format_message()))
        raise Exit(exits.USAGE) from error
