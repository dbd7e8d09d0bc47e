"""`broker keys`: make and rotate signing keys. `serve` never makes any."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from broker.cli.plain import plain_answer
from broker.cli.settings import config_option, load
from broker.publishing import init_keys, rotate_keys
from broker.store.control import PublicKey

ALGORITHMS: Final = ("EdDSA", "ES256")
ALG = click.option(
    "--alg",
    type=click.Choice(ALGORITHMS),
    default="ES256",
    show_default=True,
    help="What to sign with.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


@click.group(short_help="Make and rotate signing keys.")
def keys() -> None:
    """Make and rotate the keys that tokens are signed with."""


@keys.command()
@config_option
@ALG
@AS_JSON
def init(config: Path, alg: str, *, as_json: bool) -> None:
    """Make the first key, and publish its public half."""
    _tell(asyncio.run(init_keys(load(config), alg=alg)).keys, as_json=as_json)


@keys.command()
@config_option
@ALG
@AS_JSON
def rotate(config: Path, alg: str, *, as_json: bool) -> None:
    """Take one step of a rotation.

    The first step makes the next key, so that every verifier learns it; the second makes it the
    active one. Leave them as far apart as verifiers keep a key set.
    """
    _tell(asyncio.run(rotate_keys(load(config), alg=alg)).keys, as_json=as_json)


def _tell(made: Sequence[PublicKey], *, as_json: bool) -> None:
    told = [{"kid": key.kid, "alg": key.alg, "state": key.state} for key in made]
    lines = "\n".join(f"{key.state:9} {key.alg:6} {key.kid}" for key in made)
    plain_answer({"keys": told}, lines, as_json)
