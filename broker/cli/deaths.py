"""Who would die of a change that is made beside the brokers: shown, and asked for when many."""

import sys

import click

from broker.cli import fact_views
from broker.cli.screen import Document, Screen, stacked
from broker.clock import rfc3339
from broker.foresight import Outlook, may_end, require_few
from broker.preview import Doomed


def told(outlook: Outlook) -> Document:
    """Describe what would die."""
    return {
        "deaths": outlook.deaths,
        "unsure": outlook.unsure,
        "dying": [_dying(each) for each in outlook.dying],
        "accept": outlook.digest,
        "complete": outlook.is_complete,
    }


def said(outlook: Outlook) -> str:
    """Say in a few words how many die."""
    if not outlook.is_complete and not outlook.deaths:
        return "it could not be looked at who dies of it"
    least = "" if outlook.is_complete else "at least "
    doubt = f"; {fact_views.unsure(outlook.unsure)}" if outlook.unsure else ""
    return f"{least}{outlook.deaths} live credentials die of it{doubt}"


def agree(outlook: Outlook, brake: int, accept: str, screen: Screen) -> None:
    """Let pass what kills few, or what is meant; in a terminal ask.

    Raises:
        WouldKillManyError: it would end more than may die unasked.
        click.Abort: somebody was asked, and they shall not.
    """
    may_ask = sys.stdin.isatty() and not screen.is_json and not accept
    if may_end(outlook) <= brake or not may_ask:
        require_few(outlook, brake, accept)
        return
    screen.answer(told(outlook), lambda document: stacked(*fact_views.dying(document)))
    confirm(outlook.deaths, outlook.unsure)


def confirm(deaths: int, unsure: int) -> None:
    """Ask whether so many live credentials shall end, and wait for the answer.

    Raises:
        click.Abort: they shall not.
    """
    doubt = f" {fact_views.unsure(unsure).capitalize()}." if unsure else ""
    click.confirm(f"{doubt} End these {deaths} live credentials?".lstrip(), abort=True, err=True)


def _dying(doomed: Doomed) -> Document:
    return {
        "credential": doomed.lease,
        "task": doomed.task,
        "agent": doomed.agent,
        "tenant": doomed.tenant,
        "capability": doomed.capability,
        "expires_at": rfc3339(doomed.expires_at_ms),
        "reason": doomed.why.in_brief(),
    }
