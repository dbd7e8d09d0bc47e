"""requests shows a credential with each request. Needs requests, which this project does not bring.

::

    requests.get(url, auth=RequestsAuth(credential, "https://orders.example"), timeout=10)

- Each request gets the token that is good when it is sent; the credential renews itself ahead.
- A request to any other server is refused; after a redirect to one requests shows the token no
  more, and neither do we when that server then wants one.
- One that is refused (401) is sent once more if there is another token, or another nonce; not if
  its body was a stream, which is gone.
"""

from typing import Any

import requests
from requests.auth import AuthBase

from broker.client.origins import Origins
from broker.client.shown import UNAUTHORIZED, Shown


class RequestsAuth(AuthBase):
    """For :mod:`requests`, its functions and its sessions."""

    def __init__(self, credential: Shown, *only_for: str) -> None:
        """Fix the credential, and the servers that it is for: ``https://orders.example``."""
        self._credential = credential
        self._origins = Origins(*only_for)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Show it.

        Raises:
            ForeignServerError: it is not for this server.
        """
        self._origins.require(str(request.url))
        self._show(request)
        request.register_hook("response", self._once_more)
        return request

    def _show(self, request: requests.PreparedRequest) -> None:
        shown = self._credential.headers(str(request.method), str(request.url))
        request.headers.update(shown)

    def _once_more(self, response: requests.Response, **options: Any) -> requests.Response:  # noqa: ANN401 - what the session sends with
        request = response.request
        url, said = str(request.url), str(request.headers.get("Authorization", ""))
        # A redirect takes the hook along, to whatever server it points.
        if response.status_code != UNAUTHORIZED or not said or not self._origins.has(url):
            return response
        if not isinstance(request.body, str | bytes | None):
            return response
        has_nonce = self._credential.heed(url, response.headers)
        if not (self._credential.refused(said) or has_nonce):
            return response
        _ = response.content  # read, so that the connection can be used again
        response.close()
        again = request.copy()
        self._show(again)
        answer: requests.Response = response.connection.send(
            again, **options
        )  # as its own digest does
        answer.history.append(response)
        answer.request = again
        return answer
