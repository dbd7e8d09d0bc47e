"""Which servers a credential is shown to, where a library could send it anywhere.

A library that is given a credential shows it wherever it is sent: to a URL out of an answer, to
where a redirect points. So every one of ours is told for which servers it is, and knows no other.
"""

from typing import ClassVar

from yarl import URL

from broker.client.endpoint import parse_base_url
from broker.client.errors import ClientError


class ForeignServerError(ClientError):
    """A request goes to a server that the credential is not for; it was not sent."""

    remedy: ClassVar[str] = "Send it without the credential, or name its server in only_for."


class Origins:
    """Some servers, each by scheme, host and port."""

    def __init__(self, *only_for: str) -> None:
        """Name them.

        Raises:
            ValueError: there is none, or one is no URL to which a token may be sent.
        """
        if not only_for:
            raise ValueError("name the servers that it is for: only_for='https://orders.example'")
        urls = [parse_base_url(each, allow_plain_http=False) for each in only_for]
        self._origins = frozenset(_origin(url) for url in urls)

    def has(self, url: str) -> bool:
        """Tell whether a URL is of one of them."""
        try:
            return _origin(URL(url)) in self._origins
        except ValueError:
            return False

    def require(self, url: str) -> None:
        """Refuse any other server.

        Raises:
            ForeignServerError: it is none of them.
        """
        if not self.has(url):
            raise ForeignServerError("the credential is not for the server of this request")


def _origin(url: URL) -> tuple[str, str, int | None]:
    return url.scheme, (url.raw_host or "").lower(), url.port
