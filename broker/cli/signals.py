"""`broker signal`: say that something is odd, as a source that the broker knows."""

import secrets
from pathlib import Path
from typing import Any, Final

import click
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from broker.cli.desk import Desk, at_desk
from broker.cli.failure import CommandFailedError
from broker.cli.screen import fields
from broker.clock import SystemClock
from broker.secret import Secret

EVENT: Final = "https://schemas.openid.net/secevent/risc/event-type/credential-compromise"


@click.group(short_help="Say that something is odd, as a source.")
def signal() -> None:
    """Say that an agent, a task or a person is odd, as a source that the broker knows."""


@signal.command(short_help="Sign a signal and send it.")
@click.argument("subject")
@click.option(
    "--key",
    "key_path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="The source's private key, PEM without a passphrase.",
)
@click.option("--kid", required=True, help="The name of that key in the source's key set.")
@click.option("--issuer", required=True, help="The source's iss, as broker.yaml has it.")
@click.option("--audience", required=True, help="The broker's own issuer.")
@click.option("--tenant", default="", help="Whose; needed where the source speaks of several.")
@click.option("--severity", default="medium", help="low, medium or high. Default medium.")
@click.option("--event", default=EVENT, help="The type of the event, a URI.")
@at_desk
def send(desk: Desk, /, subject: str, key_path: Path, kid: str, **said: Any) -> None:  # noqa: ANN401 - words of the options
    """Sign a Security Event Token about SUBJECT (agent:NAME, task:ID, person:NAME), and send it.

    For trying whether a source is declared as it should be: the broker does what follows from it.
    """
    token = Secret(_signed(key_path, kid, _claims(subject, **said)))
    desk.answer(
        lambda broker: broker.signals.send(token), lambda shown: fields(shown, ("finding",))
    )


def _claims(
    subject: str, *, issuer: str, audience: str, tenant: str, severity: str, event: str
) -> dict[str, object]:
    return {
        "iss": issuer,
        "aud": audience,
        "iat": SystemClock().now_ms() // 1000,
        "jti": secrets.token_hex(16),
        "sub_id": {"format": "opaque", "id": subject},
        "events": {event: {"severity": severity} | ({"tenant": tenant} if tenant else {})},
    }


def _signed(path: Path, kid: str, claims: dict[str, object]) -> str:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise CommandFailedError(f"{path}: no private key in PEM without a passphrase") from error
    match key:
        case ec.EllipticCurvePrivateKey():
            algorithm = "ES384" if key.curve.key_size == 384 else "ES256"  # noqa: PLR2004
        case ed25519.Ed25519PrivateKey():
            algorithm = "EdDSA"
        case rsa.RSAPrivateKey():
            algorithm = "RS256"
        case _:
            raise CommandFailedError(f"{path}: a key of no kind that signs")
    headers = {"kid": kid, "typ": "secevent+jwt"}
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers)
