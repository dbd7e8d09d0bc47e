"""boto3 and botocore take their keys from a credential. Needs botocore, which is not brought.

::

    session = boto3.Session(botocore_session=botocore_session(credential))
    session.client("s3")

botocore asks for the keys whenever it signs: so they are never staler than the credential, which
is renewed by itself, and none are used of one that was revoked.
"""

from typing import Any, Final

from botocore.credentials import CredentialProvider, RefreshableCredentials
from botocore.session import Session

from broker.client.errors import ClientError
from broker.client.shown import Words

METHOD: Final = "jit-broker"

_ALWAYS: Final = 10 * 365 * 86_400
"""Seconds before their expiry from which botocore asks for keys anew: the whole of any life."""


class NoAwsSessionError(ClientError):
    """What botocore is to sign with is no session of AWS."""

    remedy = "Ask for a capability of the kind aws_sts."


class BrokerProvider(CredentialProvider):  # type: ignore[misc]  # botocore ships no types
    """One of the places where botocore looks for keys."""

    METHOD = METHOD
    CANONICAL_NAME = METHOD

    def __init__(self, credential: Words) -> None:
        """Fix the credential."""
        super().__init__()
        self._credential = credential

    def load(self) -> RefreshableCredentials:
        """Return keys that are the current ones whenever botocore signs.

        Raises:
            ClientError: there are none, or what there is is no session of AWS.
        """
        return RefreshableCredentials.create_from_metadata(
            metadata=self._keys(),
            refresh_using=self._keys,
            method=METHOD,
            advisory_timeout=_ALWAYS,
            mandatory_timeout=_ALWAYS,
        )

    def _keys(self) -> dict[str, str]:
        words = self._credential.secret()
        try:
            return {
                "access_key": words["access_key_id"].reveal(),
                "secret_key": words["secret_access_key"].reveal(),
                "token": words["session_token"].reveal(),
                "expiry_time": words["expiration"].reveal(),
            }
        except KeyError as missing:
            raise NoAwsSessionError(f"it has no word {missing}") from None


def botocore_session(credential: Words, **options: Any) -> Session:  # noqa: ANN401 - botocore's own
    """Make a session whose keys are the credential's, and never those of the environment."""
    session = Session(**options)
    session.get_component("credential_provider").insert_before("env", BrokerProvider(credential))
    return session
