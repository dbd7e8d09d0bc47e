"""`broker issuer check`: try the declaration of an issuer on a real token, on this machine."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
from click.exceptions import Exit

from broker.attestation.assembly import build_issuer, build_trust_domain
from broker.attestation.attestation import Attestation, Verifier
from broker.attestation.check import (
    Declaration,
    Notebook,
    Outcome,
    Verdict,
    expectations,
    try_token,
)
from broker.attestation.compact import MAX_TOKEN_BYTES
from broker.attestation.instances import doubts
from broker.attestation.proof_cache import ProofCache
from broker.attestation.reasons import Reason
from broker.attestation.settings import AttestationSettings
from broker.attestation.spiffe.declared import TrustDomainDeclaration
from broker.attestation.url_reader import open_key_session
from broker.cli import exits
from broker.cli.interrupts import run
from broker.cli.settings import config_option, settings_file
from broker.clock import SystemClock, rfc3339
from broker.errors import InvalidRequestError
from broker.settings.fault import Fault
from broker.settings.load import load_document
from broker.settings.settings import Settings
from broker.terminal import shown

_MARKS: Final = {Outcome.PASSED: "ok", Outcome.FAILED: "FAILED", Outcome.NOT_REACHED: "-"}
_NO_ANSWER: Final = frozenset({Reason.KEYS_MISSING, Reason.KEYS_STALE, Reason.REVIEW_UNAVAILABLE})


@click.group(short_help="Try the issuers of workload tokens.")
def issuer() -> None:
    """Try the issuers of workload tokens."""


@issuer.command(short_help="Try an issuer's keys, and a real token.")
@click.argument("issuer")
@config_option
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="A workload token of this issuer; - reads it from standard input.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def check(issuer: str, config: Path, token_file: Path | None, *, as_json: bool) -> None:
    """Fetch the keys of ISSUER (its name, URL or trust domain), and try a token on it.

    Every check is told in its order, and of the one that fails the claim, what was expected and
    what was there. The token goes nowhere but to the issuer's own review, if that is declared, and
    is never printed. No broker is needed.

    Ends with 0 when the token is accepted (without a token: when the keys were fetched), 1 when it
    is refused, 3 when keys or review cannot be had, 78 when the configuration is wrong.
    """
    settings = load_document(settings_file(config), Settings)
    declared = _choose(load_document(settings.issuers, AttestationSettings), issuer)
    token = None if token_file is None else _read(token_file)
    told, code = run(_try(declared, token))
    click.echo(json.dumps(told, indent=2) if as_json else "\n".join(_lines(told)))
    raise Exit(code)


def _choose(settings: AttestationSettings, name: str) -> Declaration:
    declared: list[Declaration] = [*settings.declarations(), *settings.trust_domains]
    for each in declared:
        if name in (each.name, each.issuer):
            return each
    known = ", ".join(each.name for each in declared)
    raise InvalidRequestError(f"no issuer is called {name!r}: known are {known}")


def _read(file: Path) -> str:
    try:
        with click.open_file(str(file), "rb") as source:
            data = source.read(MAX_TOKEN_BYTES + 2)
    except OSError as error:
        raise InvalidRequestError(f"{file}: {error.strerror}: give a readable file") from error
    return str(data.decode("ascii", "replace")).strip()


async def _try(declared: Declaration, token: str | None) -> tuple[dict[str, Any], int]:
    notebook, clock = Notebook(), SystemClock()
    async with open_key_session() as session:
        verifier: Verifier
        if isinstance(declared, TrustDomainDeclaration):
            verifier = build_trust_domain(declared, session, clock=clock, observer=notebook)
        else:
            verifier = build_issuer(declared, session, clock=clock, observer=notebook)
        attestation = Attestation([verifier], ProofCache(clock))
        await attestation.start()
        verdict = None
        if token is not None:
            verdict = await try_token(attestation, expectations(declared), token)
        await attestation.close()
    return _told(declared, notebook, verdict), _code(notebook, verdict)


def _code(notebook: Notebook, verdict: Verdict | None) -> int:
    if verdict is None:
        return exits.UNAVAILABLE if notebook.trouble else exits.OK
    if verdict.failure is None:
        return exits.OK
    return exits.UNAVAILABLE if verdict.failure.reason in _NO_ANSWER else exits.REFUSED


def _told(declared: Declaration, notebook: Notebook, verdict: Verdict | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "issuer": declared.issuer,
        "name": declared.name,
        "keys": {
            "fetched": not notebook.trouble,
            "why": notebook.trouble,
            "key_ids": list(notebook.key_ids),
            "skipped": [{"kid": key.key_id, "why": key.why} for key in notebook.skipped],
        },
        "warnings": [warning.message for warning in _warnings(declared)],
    }
    return told if verdict is None else told | _verdict(verdict, notebook)


def _warnings(declared: Declaration) -> Iterator[Fault]:
    if isinstance(declared, TrustDomainDeclaration):
        return declared.warnings()
    return doubts(declared, "")


def _verdict(verdict: Verdict, notebook: Notebook) -> dict[str, Any]:
    told: dict[str, Any] = {
        "accepted": verdict.failure is None,
        "checks": [
            {"name": each.name, "promise": each.promise, "outcome": each.outcome}
            for each in verdict.checks
        ],
        "undeclared_claims": notebook.unknown_claims,
    }
    if (failure := verdict.failure) is not None:
        names = ("reason", "message", "claim", "expected", "seen")
        told["failure"] = {name: getattr(failure, name) for name in names}
    if (attested := verdict.attested) is not None:
        names = ("kind", "name", "tenant", "instance", "subject")
        told["bearer"] = {name: getattr(attested, name) for name in names}
        told["bearer"] |= {
            "expires_at": rfc3339(attested.expires_at_ms),
            "claims": dict(attested.claims),
        }
    return told


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    keys = told["keys"]
    found = f"{len(keys['key_ids'])} usable: {', '.join(keys['key_ids'])}"
    yield shown(f"keys of {told['issuer']}: {found if keys['fetched'] else keys['why']}")
    for skipped in keys["skipped"]:
        yield shown(f"  left out {skipped['kid'] or '(no kid)'}: {skipped['why']}")
    for each in told.get("checks", ()):
        yield f"{_MARKS[each['outcome']]:>7}  {each['name']:<15} {each['promise']}"
    yield from _ending(told)
    for warning in told["warnings"]:
        yield shown(f"warning: {warning}")


def _ending(told: Mapping[str, Any]) -> Iterator[str]:
    if (failure := told.get("failure")) is not None:
        yield shown(f"refused ({failure['reason']}): {failure['message']}")
        for name in ("claim", "expected", "seen"):
            if failure[name] not in ("", None):
                yield shown(f"  {name:<9} {json.dumps(failure[name], ensure_ascii=False)}")
    if (bearer := told.get("bearer")) is not None:
        yield shown(f"accepted: {bearer['kind']} {bearer['name']}, instance {bearer['instance']}")
        yield shown(f"  tenant    {bearer['tenant'] or '(by the registry)'}")
        yield shown(f"  subject   {bearer['subject']}, until {bearer['expires_at']}")
    for claim in told.get("undeclared_claims", ()):
        yield shown(f"  undeclared claim: {claim}")
