"""`broker facts put|drop|relate|unrelate|hold|lift`: changing facts, through a broker."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import click

from broker.cli.desk import Desk, at_desk
from broker.cli.fact_puts import put_of, put_over
from broker.cli.fact_wish import Wish, order, wish_options
from broker.cli.fact_words import RELATION, ref_argument, tenant_option
from broker.cli.one import One
from broker.cli.types import SPAN
from broker.client.api import BrokerClient
from broker.client.api_errors import AbsentError
from broker.clock import SystemClock, rfc3339

_FIRST_STATUS: Final = {"ticket": "open", "team": ""}
"""What a new thing of a kind is when nobody says; all others are active."""


@click.command(short_help="Declare a thing, or change it.")
@ref_argument()
@tenant_option
@click.option("--status", cls=One, help="open, closed; active, suspended, retired; gone.")
@click.option("--owner", cls=One, help="person:NAME or team:NAME.")
@click.option("--purpose", cls=One, help="What it is for.")
@click.option("--risk", cls=One, help="low, medium, high.")
@click.option("--data-class", cls=One, help="What it holds.")
@click.option("--origin", cls=One, help="Where a tool comes from: https://… or pkg:….")
@click.option("--review-by", cls=One, help="The last day (UTC) that it is in order: 2027-12-31.")
@click.option(
    *("--identity", "identities"),
    multiple=True,
    help="A workload that may be this agent: 'ISSUER SUBJECT'; the subject may end in *.",
)
@click.option(
    *("--ceiling", "ceiling"),
    multiple=True,
    metavar="'CAPABILITY SCOPE'",
    help="What this agent may be granted at most; say it once for each.",
)
@click.option("--quota", type=click.IntRange(1), help="Live credentials at one time.")
@wish_options
@at_desk
def put(desk: Desk, /, ref: str, tenant: str, wish: Wish, **said: Any) -> None:  # noqa: ANN401 - what is said of it
    """Declare a thing, or change what is said of it: what is not given stays as it is."""
    identities = [_identity(each) for each in said.pop("identities")]
    ceiling = said.pop("ceiling")
    given = {name: value for name, value in said.items() if value not in (None, "")}
    if identities:
        given["identities"] = identities
    if ceiling:
        given["ceiling"] = ceiling

    async def put_it(broker: BrokerClient) -> tuple[Sequence[Mapping[str, object]], int | None]:
        try:
            known = await broker.facts.thing(ref, tenant=tenant)
        except AbsentError:
            return [put_of(tenant, {"ref": ref, **_beginning(ref), **given})], None
        return [put_over(known, given)], known.revision

    order(desk, wish, put_it)


@click.command(short_help="Forget things.")
@ref_argument("refs", nargs=-1, required=True, metavar="KIND:NAME…")
@tenant_option
@click.option("--cascade", is_flag=True, help="Their relationships go with them.")
@wish_options
@at_desk
def drop(desk: Desk, /, refs: tuple[str, ...], tenant: str, wish: Wish, *, cascade: bool) -> None:
    """Forget things. Without --cascade none may have a relationship left."""
    order(desk, wish, _of_refs("drop", refs, tenant, **({"cascade": True} if cascade else {})))


@click.command(short_help="Stop things until somebody lifts it.")
@ref_argument("refs", nargs=-1, required=True, metavar="KIND:NAME…")
@tenant_option
@wish_options
@at_desk
def hold(desk: Desk, /, refs: tuple[str, ...], tenant: str, wish: Wish) -> None:
    """Stop things: what is granted because of them dies within two seconds, and nothing new is.

    A held agent gets nothing, a held ticket, team or person passes nothing on, a held tenant
    (tenant:NAME) stands still.
    """
    order(desk, wish, _of_refs("hold", refs, tenant))


@click.command(short_help="Let things go on.")
@ref_argument("refs", nargs=-1, required=True, metavar="KIND:NAME…")
@tenant_option
@wish_options
@at_desk
def lift(desk: Desk, /, refs: tuple[str, ...], tenant: str, wish: Wish) -> None:
    """Let things go on that are held. What has died stays dead: it is asked for anew."""
    order(desk, wish, _of_refs("lift", refs, tenant))


def _both_ends(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command a relationship as its arguments."""
    named = ref_argument("object_", metavar="OBJECT")(command)
    named = click.argument("relation", type=RELATION, metavar="RELATION")(named)
    ended: Callable[..., None] = ref_argument("subject", metavar="SUBJECT")(named)
    return ended


@click.command(short_help="Make a relationship.")
@_both_ends
@tenant_option
@click.option(*("--for", "span"), cls=One, type=SPAN, help="It ends by itself after: 8h, 3d.")
@click.option("--until", cls=One, help="It ends by itself then: 2027-01-15T08:00:00Z.")
@wish_options
@at_desk
def relate(
    desk: Desk,
    /,
    subject: str,
    relation: str,
    object_: str,
    *,
    tenant: str,
    span: int | str,
    until: str,
    wish: Wish,
) -> None:
    """Make a relationship, or give the one that there is another end.

    For example: broker facts relate agent:invoice-bot assigned-to ticket:OPS-1 --for 8h
    """
    if span and until:
        raise click.UsageError("say one of --for and --until")
    ends = until or (_later(int(span)) if span else "")
    expiry = {"expires_at": ends} if ends else {}
    order(desk, wish, _related("relate", tenant, subject, relation, object_, **expiry))


@click.command(short_help="End a relationship.")
@_both_ends
@tenant_option
@wish_options
@at_desk
def unrelate(
    desk: Desk, /, subject: str, relation: str, object_: str, *, tenant: str, wish: Wish
) -> None:
    """End a relationship: what is granted because of it dies within two seconds."""
    order(desk, wish, _related("unrelate", tenant, subject, relation, object_))


def _of_refs(op: str, refs: Sequence[str], tenant: str, **more: object) -> list[dict[str, object]]:
    return [{"op": op, "tenant": tenant, "ref": ref, **more} for ref in dict.fromkeys(refs)]


def _related(
    op: str, tenant: str, subject: str, relation: str, object_: str, **more: object
) -> list[dict[str, object]]:
    both = {"subject": subject, "relation": relation, "object": object_, **more}
    return [{"op": op, "tenant": tenant, "relationship": both}]


def _beginning(ref: str) -> dict[str, object]:
    status = _FIRST_STATUS.get(ref.partition(":")[0], "active")
    return {"status": status} if status else {}


def _identity(text: str) -> dict[str, str]:
    issuer, _, subject = text.partition(" ")
    if not issuer or not subject:
        raise click.UsageError(f"--identity {text!r}: write 'ISSUER SUBJECT'")
    return {"issuer": issuer, "subject": subject}


def _later(seconds: int) -> str:
    return rfc3339(SystemClock().now_ms() + seconds * 1000)
