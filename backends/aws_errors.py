"""What AWS, or its library, says when it did not do something; without its words.

Both quote what was sent and what was answered. Only a code is kept, and only if it looks like one.
"""

from typing import Final, NamedTuple

from botocore import exceptions
from botocore.parsers import ResponseParserError

from backends.errors import BackendError, NotMintedError, Trouble

RAISED: Final = (
    exceptions.BotoCoreError,
    exceptions.ClientError,
    ResponseParserError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)
"""What the library raises, its parsers in face of nonsense included."""

EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})

_TOO_OFTEN: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "SlowDown",
        "IDPCommunicationError",
    }
)
"""What says that nothing was done, and that it may be asked again."""

_NOT_US: Final = EXPIRED | {
    "AuthFailure",
    "IDPRejectedClaim",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "MissingAuthenticationToken",
    "OptInRequired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
"""What says that the broker itself is not let in: keys, token, or clocks apart."""


class AnsweredError(NotMintedError):
    """A service said no: nothing was done. ``code`` is its word for why."""

    def __init__(self, trouble: Trouble, code: str) -> None:
        super().__init__(trouble, code)
        self.code = code


class _Meaning(NamedTuple):
    raised: type[Exception] | tuple[type[Exception], ...]
    trouble: Trouble
    says: str
    is_nothing_done: bool


_KEYS: Final = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.ProfileNotFound,
    exceptions.MetadataRetrievalError,
    exceptions.TokenRetrievalError,
    exceptions.SSOError,
    exceptions.LoginError,
    exceptions.InvalidConfigError,
    exceptions.ConfigParseError,
)
_NO_WAY: Final = (exceptions.EndpointConnectionError, exceptions.ProxyConnectionError)

_MEANINGS: Final = (
    _Meaning(exceptions.ConnectTimeoutError, Trouble.LATE, "no connection in time", True),  # noqa: FBT003 - a table
    _Meaning(_NO_WAY, Trouble.UNREACHABLE, "no connection", True),  # noqa: FBT003
    _Meaning(exceptions.ReadTimeoutError, Trouble.LATE, "no answer in time", False),  # noqa: FBT003
    _Meaning(
        exceptions.ParamValidationError,
        Trouble.REFUSED,
        "AWS's library takes no such parameters",
        True,  # noqa: FBT003
    ),
    _Meaning(_KEYS, Trouble.LOCKED_OUT, "no keys to be had", True),  # noqa: FBT003
    _Meaning(
        (exceptions.HTTPClientError, OSError),
        Trouble.UNREACHABLE,
        "the connection broke",
        False,  # noqa: FBT003
    ),
)
"""The first that fits counts: time-outs of connections are errors of connections, too."""


def trouble_of(error: Exception) -> BackendError:
    """Say what happened."""
    if isinstance(error, exceptions.ClientError):
        return _answered(error)
    for meaning in _MEANINGS:
        if isinstance(error, meaning.raised):
            made = NotMintedError if meaning.is_nothing_done else BackendError
            return made(meaning.trouble, f"{meaning.says}: {type(error).__name__}")
    return BackendError(Trouble.GARBLED, f"no answer of AWS's: {type(error).__name__}")


def _answered(error: exceptions.ClientError) -> BackendError:
    code = _plain(error.response.get("Error", {}).get("Code"))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _TOO_OFTEN or status == 429:  # noqa: PLR2004 - RFC 6585 §4
        return AnsweredError(Trouble.THROTTLED, code)
    if not 400 <= status < 500:  # noqa: PLR2004 - RFC 9110 §15.5: else it may have been done
        return BackendError(Trouble.UNREACHABLE, f"{status} {code}")
    return AnsweredError(Trouble.LOCKED_OUT if code in _NOT_US else Trouble.REFUSED, code)


def _plain(code: object) -> str:
    is_code = isinstance(code, str) and code.isascii() and code.isalnum() and len(code) < 64  # noqa: PLR2004 - no word of AWS's is as long
    return str(code) if is_code else "without a code"
