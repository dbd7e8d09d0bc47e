"""AWS's SDKs and tools: they ask the desk, as they ask a container's host, whenever they need to.

Through the proxy they have stand-ins, which never change: variables hold these.

Everything that they would believe sooner is taken out of their sight: a key in the environment or
in a file of the user's would be used in silence, and is exactly what a run is there to replace.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.client.secret_forms import AWS
from broker.running.shapes.shape import Fitting, Place, ShapeUnfitError, word_of
from broker.running.source import HeldValues
from broker.secret import Secret

_FILE: Final = "aws-config"

_HIDDEN: Final = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    }
)
"""What comes before a container's credentials in the SDKs' order."""


@dataclass(frozen=True, slots=True)
class Aws:
    """The container's endpoint; a region where the credential names one."""

    is_proxied: bool = False

    def fit(self, held: HeldValues, place: Place) -> Fitting:
        """Return where the desk is, and empty files in place of the user's."""
        if held.kind != AWS:
            raise ShapeUnfitError(f"{held.name}: a {held.kind} credential is no session of AWS")
        empty = str(place.folder / _FILE)
        return Fitting(
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{place.desk_url}/aws/{held.name}",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": place.desk_token.reveal(),
                "AWS_CONFIG_FILE": empty,
                "AWS_SHARED_CREDENTIALS_FILE": empty,
                "AWS_EC2_METADATA_DISABLED": "true",
                **_region(held),
            },
            hides=_HIDDEN,
        )

    def files(self, held: HeldValues) -> Mapping[str, Secret]:
        """Return an empty configuration."""
        del held
        return {_FILE: Secret("")}


@dataclass(frozen=True, slots=True)
class AwsStandIns:
    """Variables with the stand-ins that the proxy takes signatures of."""

    is_proxied: bool = True

    def fit(self, held: HeldValues, place: Place) -> Fitting:
        """Return the keys, and empty files in place of the user's."""
        empty = str(place.folder / _FILE)
        return Fitting(
            {
                "AWS_ACCESS_KEY_ID": word_of(held, "access_key_id"),
                "AWS_SECRET_ACCESS_KEY": word_of(held, "secret_access_key"),
                "AWS_SESSION_TOKEN": word_of(held, "session_token"),
                "AWS_CONFIG_FILE": empty,
                "AWS_SHARED_CREDENTIALS_FILE": empty,
                "AWS_EC2_METADATA_DISABLED": "true",
                **_region(held),
            },
            hides=_HIDDEN | {"AWS_CONTAINER_CREDENTIALS_FULL_URI"},
        )

    def files(self, held: HeldValues) -> Mapping[str, Secret]:
        """Return an empty configuration."""
        del held
        return {_FILE: Secret("")}


def _region(held: HeldValues) -> dict[str, str]:
    if "region" not in held.values:
        return {}
    region = word_of(held, "region")
    return {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
