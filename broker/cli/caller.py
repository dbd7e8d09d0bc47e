"""Who runs a command, to the broker: a workload token, a client certificate, or both."""

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import click

from broker.cli.caller_files import FILES, file_options
from broker.client.api import BrokerClient
from broker.client.endpoint import token_file
from broker.client.key_pair import certificate_files
from broker.client.tls import Tls
from broker.secret import Secret

PASSPHRASE: Final = "BROKER_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
"""Environment variable that opens an encrypted key: a command line could be seen by others."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What a command shows of who runs it; files are read at each request."""

    token: Path | None
    tls: Tls | None = None

    def client(
        self, url: str, session: aiohttp.ClientSession, timeout_seconds: float
    ) -> BrokerClient:
        """Make a client.

        Raises:
            ValueError: the URL is not fit for what the caller shows.
        """
        source = None if self.token is None else token_file(self.token)
        return BrokerClient(url, source, session, timeout_seconds=timeout_seconds, tls=self.tls)


def caller_of(options: Mapping[str, Any]) -> Caller:
    """Put the caller together from options, and where they are missing from the environment.

    Raises:
        click.UsageError: nothing says who calls, or a key has no certificate.
    """
    files = {name: _file(options.get(name), variable) for name, (variable, _) in FILES.items()}
    cert, key, trust = files["cert_file"], files["key_file"], files["ca_file"]
    if files["token_file"] is None and cert is None:
        raise click.UsageError("Missing option '--token-file' or '--cert-file': who are you?")
    if key is not None and cert is None:
        raise click.UsageError("'--key-file' has no certificate: add '--cert-file'.")
    if cert is None and trust is None:
        return Caller(files["token_file"])
    source = None if cert is None else certificate_files(cert, key, passphrase=_passphrase())
    return Caller(files["token_file"], Tls(certificate=source, ca_file=trust))


def caller_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say who calls; it gets a ``caller``."""

    @functools.wraps(command)
    def with_caller(*args: Any, **options: Any) -> None:  # noqa: ANN401 - the command's own
        mine = {name: options.pop(name) for name in FILES}
        command(*args, caller=caller_of(mine), **options)

    return file_options(with_caller)


def _file(given: object, variable: str) -> Path | None:
    named = given or os.environ.get(variable)
    return Path(str(named)) if named else None


def _passphrase() -> Secret | None:
    text = os.environ.get(PASSPHRASE)
    return Secret(text) if text else None
