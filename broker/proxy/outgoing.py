"""What leaves for the server, and what comes back to the child: heads written anew."""

from dataclasses import dataclass
from typing import Final

from broker.proxy.authority import Authority
from broker.proxy.framing import EMPTY, Body, Framing, length_of_head_answer
from broker.proxy.lasting import Holding
from broker.proxy.leased import Sought
from broker.proxy.message import HOP_BY_HOP, AnswerHead, Fields, RequestHead
from broker.proxy.placing import needles
from broker.proxy.problem import RefusedError, bad_answer, malformed
from broker.proxy.rules import Verdict
from broker.proxy.sigv4 import Said
from broker.proxy.source import HeldValues
from broker.proxy.watching import Watch

SWITCHED: Final = 101
_NO_CONTENT: Final = 204
_FRAMING: Final = frozenset({"content-length", "host", "expect"})
_LEADS_AWAY: Final = frozenset({"alt-svc", "content-length"})
"""An alternative service would be reached past the proxy."""
_COOKIES: Final = frozenset({"set-cookie", "set-cookie2"})
_UPGRADE: Final = (("Connection", "Upgrade"), ("Upgrade", "websocket"))


@dataclass(frozen=True, slots=True)
class Injection:
    """The credential of one exchange: where it goes, and which it is."""

    verdict: Verdict
    held: HeldValues
    said: Said

    def into(self, fields: Fields) -> Fields:
        """Put the credential into the fields that are sent.

        Raises:
            RefusedError: the values do not fit.
        """
        return self.verdict.route.placing.put(fields, self.held.values, self.said)

    @property
    def holding(self) -> Holding:
        """Return what the exchange lasts by."""
        route = self.verdict.route
        sought = Sought(route, self.said.method, self.said.target)
        return Holding(route.need, self.held.credential, sought.is_within)

    def needles(self) -> tuple[bytes, ...]:
        """Return what must not come back to the child."""
        return needles(self.verdict.route.placing, self.held.values)


def wants_websocket(head: RequestHead, body: Body) -> bool:
    """Tell whether a websocket is asked for; any other upgrade is left out (RFC 9110 §7.8).

    Raises:
        RefusedError: it is asked for in a way that a server could take for something else.
    """
    if head.fields.words("upgrade") != ["websocket"]:
        return False
    if "upgrade" not in head.fields.words("connection"):
        return False
    if head.method != "GET" or not body.is_empty:
        raise malformed("a websocket is asked for by GET without a body")
    return True


def is_expecting(head: RequestHead) -> bool:
    """Tell whether the child waits for a word before it sends the body.

    Raises:
        RefusedError: it expects something else.
    """
    expected = head.fields.one("expect")
    if expected is not None and expected.lower() != "100-continue":
        raise RefusedError(417, "expectation", "nothing but 100-continue can be expected")
    return expected is not None


def request_fields(
    head: RequestHead,
    to: Authority,
    scheme: str,
    body: Body,
    *,
    injection: Injection | None,
    is_declared: bool,
    lets_cookies: bool,
) -> Fields:
    """Write the fields of a request anew: one Host, one framing, the credential at its place."""
    dropped = HOP_BY_HOP | _FRAMING
    host = Fields((("Host", to.header(scheme)),))
    framed = () if body.is_empty and head.fields.one("content-length") is None else body.fields()
    websocket = _UPGRADE if wants_websocket(head, body) else ()
    added: tuple[tuple[str, str], ...] = ()
    if is_declared:
        # Only what is not compressed can be looked through for credentials on its way back.
        dropped |= {"accept-encoding", "sec-websocket-extensions"}
        added = (("Accept-Encoding", "identity"),)
    if not lets_cookies:
        dropped |= {"cookie"}  # whatever session that is, it is not the credential's
    kept = head.fields.without(dropped)
    fields = host.with_(*kept.items, *added, *framed, *websocket)
    return fields if injection is None else injection.into(fields)


def answer_head(
    answer: AnswerHead, body: Body, injection: Injection | None, watch: Watch, *, closes: bool
) -> bytes:
    """Write the head of an answer anew, without the credential and what else is not the child's."""
    dropped = HOP_BY_HOP | _LEADS_AWAY
    if injection is not None and not injection.verdict.route.cookies:
        dropped |= _COOKIES  # a session that the credential opened would outlive it
    kept = answer.fields.without(dropped).items
    masked = tuple((watch.whole(name), watch.whole(value)) for name, value in kept)
    fields = Fields((*masked, *_framed(answer, body), *((("Connection", "close"),) * closes)))
    return fields.render(f"HTTP/1.1 {answer.status} {watch.whole(answer.reason)}")


def switched_head(answer: AnswerHead, watch: Watch, *, asked: bool) -> bytes:
    """Write the head by which a server agrees to a websocket.

    Raises:
        RefusedError: none was asked for, or it agrees to something else.
    """
    if not asked or answer.fields.words("upgrade") != ["websocket"]:
        raise bad_answer("the server switches to a protocol that was not asked for")
    kept = answer.fields.without(HOP_BY_HOP | _LEADS_AWAY | _COOKIES).items
    masked = tuple((name, watch.whole(value)) for name, value in kept)
    return Fields((*masked, *_UPGRADE)).render("HTTP/1.1 101 Switching Protocols")


def _framed(answer: AnswerHead, body: Body) -> tuple[tuple[str, str], ...]:
    if body is EMPTY:
        is_told = answer.status != _NO_CONTENT  # RFC 9110 §8.6
        return length_of_head_answer(answer.fields) if is_told else ()
    return body.fields()


def keeps_alive(answer: AnswerHead, body: Body) -> bool:
    """Tell whether the server's connection may serve another request."""
    said = answer.fields.words("connection")
    return answer.minor == 1 and "close" not in said and body.framing is not Framing.CLOSE
