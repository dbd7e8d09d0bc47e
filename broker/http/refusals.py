"""What can be wrong with a request before it means anything: errors of the HTTP edge alone."""

import re
from typing import Final

from aiohttp import hdrs, web

from broker.errors import BrokerError, InvalidRequestError, NotFoundError

SPOKEN: Final = "/v1/"
"""How every versioned path begins."""

_VERSION: Final = re.compile(r"/v[0-9]+(?:/|$)", re.ASCII)


class ContentTooLargeError(InvalidRequestError):
    """The body is longer than allowed: send less at once."""

    code = "content-too-large"


class UnsupportedMediaTypeError(InvalidRequestError):
    """The body is of another type than this route reads, or is encoded (compressed)."""

    code = "unsupported-media-type"


class RequestTimeoutError(InvalidRequestError):
    """The body did not arrive in time: send the request again."""

    code = "request-timeout"


class ExpectationFailedError(InvalidRequestError):
    """``Expect`` asked for something else than ``100-continue``."""

    code = "expectation-failed"


class MethodNotAllowedError(BrokerError):
    """The path exists, the method does not: ``Allow`` names those that do."""

    code = "method-not-allowed"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"allowed are {allowed}")
        self.allowed = allowed


class UnknownVersionError(NotFoundError):
    """The path begins with a version that this broker does not speak."""

    code = "unknown-version"


class TooManyRequestsError(BrokerError):
    """This client already has as many requests in flight as one may: wait for their answers."""

    code = "too-many-requests"
    retryable = True


def of_aiohttp(error: web.HTTPException, path: str = "") -> BrokerError:
    """Translate what aiohttp refused by itself, so that it gets its row like everything else."""
    match error:
        case web.HTTPNotFound() if _VERSION.match(path) and not path.startswith(SPOKEN):
            return UnknownVersionError(f"only {SPOKEN} is spoken")
        case web.HTTPNotFound():
            return NotFoundError("no such path")
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowedError(error.headers.get(hdrs.ALLOW, ""))
        case web.HTTPRequestEntityTooLarge():
            return ContentTooLargeError("the body is too long")
        case _:
            return InvalidRequestError(error.reason)
