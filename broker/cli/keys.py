"""`broker keys`: make, show, rotate and take away signing keys. `serve` never makes any."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import click
from click.exceptions import Exit

from broker.cli import exits, key_views
from broker.cli.interrupts import run
from broker.cli.person import this_person
from broker.cli.progress import showing
from broker.cli.screen import Document, Screen
from broker.cli.settings import config_option, load
from broker.cli.waits import Waits
from broker.drill import MOMENTS, Drill, Moment
from broker.installation import open_installation
from broker.key_revocation import KeyRevocation
from broker.rotation import KeyView, Rotation
from broker.rotation_plan import Step
from broker.settings.settings import Settings
from broker.store.control_record import ControlRecord

T = TypeVar("T")

ALGORITHMS: Final = ("EdDSA", "ES256")
ALG = click.option(
    "--alg",
    type=click.Choice(ALGORITHMS),
    default="ES256",
    show_default=True,
    help="What a new key signs with.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


@click.group(short_help="Make, show and rotate signing keys.")
def keys() -> None:
    """Make, show, rotate and take away the keys that tokens are signed with."""


@keys.command(short_help="Make the first key.")
@config_option
@ALG
@AS_JSON
def init(config: Path, alg: str, *, as_json: bool) -> None:
    """Make the first key, and publish its public half."""
    _tell(_with_rotation(load(config), alg, _init), as_json=as_json)


@keys.command(name="list", short_help="Show the keys, and what comes next.")
@config_option
@AS_JSON
def show(config: Path, *, as_json: bool) -> None:
    """Show the keys, what comes next, what it waits for, and which broker serves what."""
    settings = load(config)
    document = _with_rotation(settings, "ES256", lambda r: _listed(r, settings))
    Screen(sys.stdout, as_json=as_json).answer(document, key_views.listing)


@keys.command()
@config_option
@ALG
@AS_JSON
@click.option(
    "--step", type=click.Choice([step.value for step in Step]), help="Another than what comes next."
)
@click.option("--wait", "is_waiting", is_flag=True, help="Wait until the step may be taken.")
@click.option("--force", is_flag=True, help="Take it now, whatever is in the way.")
def rotate(
    config: Path, alg: str, *, as_json: bool, step: str | None, is_waiting: bool, force: bool
) -> None:
    """Take one step of a rotation.

    The first makes the next key and shows it; the second lets it sign, when every broker and
    everybody who keeps our keys has it; the third stops showing the former one, when the last token
    that it signed has died. A step that has to wait ends with 3, and says for what.
    """
    chosen = Step(step) if step else None
    settings = load(config)
    with showing(sys.stderr, as_json=as_json) as teller:
        waits = Waits(teller)
        waiting = waits if is_waiting else None
        record = _with_rotation(
            settings, alg, lambda r: r.rotate(chosen, is_forced=force, waiting=waiting)
        )
        waits.over()
    _tell(record, as_json=as_json)


@keys.command(short_help="Take a stolen key away at once.")
@click.argument("kid")
@config_option
@ALG
@AS_JSON
@click.option("--reason", required=True, help="Why, for the audit trail.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def revoke(kid: str, config: Path, alg: str, *, as_json: bool, reason: str, yes: bool) -> None:
    """Take the stolen key KID away at once: every token that it ever signed dies.

    If it is the active one, the next key takes its place, or a new one is made here: bring its file
    to every other broker, they give nothing before. Ends with 3 while a part of the ledger cannot
    be reached; the brokers go on trying.
    """
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("revoking a key without a terminal needs --yes")
        click.confirm(f"Kill every token that {kid} signed?", abort=True, err=True)
    settings = load(config)

    async def steps() -> Document:
        async with open_installation(settings) as found:
            person = this_person()
            rotation = Rotation(found, by=person, alg=alg)
            revocation = KeyRevocation(found, rotation, by=person)
            record, order, pending = await revocation.revoke(kid, reason)
            return key_views.revoked(record, order, pending, settings.keys.cache_seconds)

    document = run(steps())
    Screen(sys.stdout, as_json=as_json).answer(document, key_views.revocation)
    if document["pending_buckets"]:
        raise Exit(exits.UNAVAILABLE)


@keys.command(short_help="Rehearse a whole rotation, checked throughout.")
@config_option
@ALG
@AS_JSON
@click.option("--broker", "brokers", multiple=True, help="Also fetch the key set of this broker.")
def drill(config: Path, alg: str, *, as_json: bool, brokers: tuple[str, ...]) -> None:
    """Walk a whole rotation on the running system, and check every moment of it.

    Says at each step what every broker serves, and whether a token signed before and one signed
    after are verified by it. It waits as a rotation must: for the overlap, and for the last token
    of the former key. Ends with 1 at the first thing that is not as it must be.
    """
    settings = load(config)
    told: list[Moment] = []
    with showing(sys.stderr, as_json=as_json) as teller:
        waits = Waits(teller)

        def tell(moment: Moment) -> None:
            told.append(moment)
            waits.over()
            teller.tell("rehearsing", MOMENTS.index(moment.step) + 1, len(MOMENTS))
            if not as_json:
                click.echo(key_views.moment_line(moment))

        async def steps() -> bool:
            async with open_installation(settings) as found:
                rotation = Rotation(found, by=this_person(), alg=alg)
                return await Drill(found, rotation, brokers, tell, waits).run()

        is_good = run(steps())
    if as_json:
        Screen(sys.stdout, as_json=True).answer(key_views.drilled(told, is_good=is_good), str)
    if not is_good:
        raise Exit(exits.REFUSED)


def _with_rotation(settings: Settings, alg: str, work: Callable[[Rotation], Awaitable[T]]) -> T:
    async def steps() -> T:
        async with open_installation(settings) as found:
            return await work(Rotation(found, by=this_person(), alg=alg))

    return run(steps())


async def _init(rotation: Rotation) -> ControlRecord:
    return await rotation.init()


async def _listed(rotation: Rotation, settings: Settings) -> Document:
    view: KeyView = await rotation.view()
    step, found = await rotation.following()
    return key_views.described(view, step, found, settings.keys)


def _tell(record: ControlRecord, *, as_json: bool) -> None:
    document = key_views.manifest(record)
    Screen(sys.stdout, as_json=as_json).answer(document, key_views.keys)
