"""Answers that are a line or two, and need no table."""

import json
from collections.abc import Mapping

import click


def plain_answer(document: Mapping[str, object], text: str, as_json: bool) -> None:  # noqa: FBT001 - the flag of the command line
    """Print an answer, for people or as JSON."""
    click.echo(json.dumps(document, indent=2) if as_json else text)
