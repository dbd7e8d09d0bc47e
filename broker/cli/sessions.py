"""`broker session`: end the sessions of people."""

import click

from broker.cli import revocation_views
from broker.cli.desk import Desk, at_desk
from broker.cli.one import One


@click.group(short_help="End the sessions of people.")
def session() -> None:
    """End the sessions of people."""


@session.command(short_help="End a session, and all that was done in it.")
@click.option("--person", cls=One, help="Whose sessions, for operators; else your own.")
@click.option("--tenant", cls=One, help="In which tenant, for operators.")
@click.option("--reason", default="", help="Why, for the audit trail.")
@click.option("--idempotency-key", cls=One, help="Makes a repeated command harmless.")
@at_desk
def end(
    desk: Desk,
    /,
    person: str | None,
    tenant: str | None,
    reason: str,
    idempotency_key: str | None,
) -> None:
    """End your session: every task that you opened in it, and all that agents hold for you.

    An operator ends all sessions of a person with --person and --tenant. Whoever shows a token of
    an ended session opens nothing more with it.
    """
    desk.answer(
        lambda broker: broker.sessions.end(
            person=person or "",
            tenant=tenant or "",
            reason=reason,
            idempotency_key=idempotency_key or "",
        ),
        revocation_views.revocation,
    )
