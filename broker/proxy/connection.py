"""One child's connection: who it is, which server it means, request after request."""

from dataclasses import replace
from typing import Final

from broker.proxy.authority import Authority, parse_authority
from broker.proxy.aws_problem import document
from broker.proxy.desk import Desk
from broker.proxy.dialling import accept_tls
from broker.proxy.exchange import Exchange, Origin
from broker.proxy.framing import body_of_request
from broker.proxy.message import RequestHead, parse_request
from broker.proxy.problem import Document, GoneError, Problem, RefusedError, malformed
from broker.proxy.signing import Signing
from broker.proxy.standin import basic_pair
from broker.proxy.target import Target, parse_target, raw_target, split_absolute
from broker.proxy.tunnel import join
from broker.proxy.uses import Use
from broker.proxy.watching import NO_WORDS, Watch
from broker.proxy.wire import Wire

USER: Final = "run"
"""The user of the proxy's URL; what counts is the word after it."""

_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_MALFORMED: Final = frozenset({"malformed", "too-long", "version", "coding"})
"""Faults after which nobody knows where the next request begins."""


class Connection:
    """Serves one connection until either side ends it."""

    def __init__(self, desk: Desk, child: Wire) -> None:
        self._desk = desk
        self._wire = child
        self._tunnel: Origin | None = None
        self._origin_meant: Origin | None = None
        self._exchange = Exchange(desk, child)
        self.is_known = False
        """Whether it has shown the run's word."""

    async def run(self) -> None:
        """Serve requests; nothing that either side does makes it raise."""
        try:
            while await self._next():
                pass
            await self._wire.close()
        except GoneError:
            self._wire.abort()
        finally:
            self._exchange.close()

    def abort(self) -> None:
        """Cut off both sides."""
        self._exchange.close()
        self._wire.abort()

    async def _next(self) -> bool:
        limits = self._desk.limits
        self._exchange.use = Use(at_ms=self._desk.clock.now_ms(), outcome="broken")
        self._origin_meant = self._tunnel
        head: RequestHead | None = None
        try:
            lines = await self._wire.head(
                limits.kept_seconds, limits.head_seconds, limits.head_bytes
            )
            if lines is None:
                return False
            head = parse_request(lines, most=limits.fields)
            return await self._serve(head)
        except RefusedError as error:
            return await self._refuse(head, error)
        finally:
            self._tell(head)

    async def _serve(self, head: RequestHead) -> bool:
        self._check_word(head)
        if head.method == "CONNECT":
            return await self._connect(head)
        origin, target = self._meant(head)
        self._name(head.method, origin.authority)
        return await self._exchange.run(head, origin, target)

    def _check_word(self, head: RequestHead) -> None:
        """Let nobody in but this run's child. Inside a tunnel it has shown who it is.

        Raises:
            RefusedError: the word is missing or wrong.
        """
        if self._tunnel is not None:
            return
        pair = basic_pair(head.fields.one("proxy-authorization") or "") or ""
        user, _, word = pair.partition(":")
        if not (user == USER and self._desk.word.matches(word)):
            raise RefusedError(407, "not-this-run", "use the proxy's whole URL, as it was given")
        self.is_known = True

    def _meant(self, head: RequestHead) -> tuple[Origin, Target]:
        """Tell which server is meant; every way in which a request says so must say the same.

        Raises:
            RefusedError: they differ, or nobody may go there.
        """
        if self._tunnel is not None:
            self._check_host(head, self._tunnel)
            return self._tunnel, parse_target(head.target)
        where, path = split_absolute(head.target)
        origin = self._origin("http", parse_authority(where, 80))
        self._origin_meant = origin
        self._check_host(head, origin)
        return origin, parse_target(path) if origin.routes else raw_target(path)

    def _check_host(self, head: RequestHead, origin: Origin) -> None:
        default = 443 if origin.scheme == "https" else 80
        if parse_authority(head.fields.one("host") or "", default) != origin.authority:
            raise RefusedError(400, "host-mismatch", "Host names another server than the target")

    def _origin(self, scheme: str, authority: Authority) -> Origin:
        self._name("", authority)
        routes = self._desk.rules.at(scheme, authority)
        is_open = (
            not self._desk.only_declared or (authority.host, authority.port) in self._desk.open_to
        )
        if not routes and not is_open:
            raise RefusedError(403, "undeclared-host", "this server is not declared for the task")
        return Origin(scheme, authority, routes)

    async def _connect(self, head: RequestHead) -> bool:
        self._name("CONNECT")
        authority = parse_authority(head.target, None)
        host = head.fields.one("host")
        if host is not None and parse_authority(host, authority.port) != authority:
            raise RefusedError(400, "host-mismatch", "Host names another server than the target")
        if not body_of_request(head).is_empty:
            raise malformed("CONNECT has no body")
        origin = self._origin("https", authority)
        self._desk.rules.check_strays(head, head.target, set())
        if not origin.routes:
            return await self._pass_through(authority)
        await self._wire.send(_ESTABLISHED, self._desk.limits.silent_seconds)
        context = self._desk.authority.context(authority.host)
        self._wire = await accept_tls(self._wire, context, self._desk.limits)
        self._exchange = Exchange(self._desk, self._wire)
        self._tunnel = origin
        return True

    async def _pass_through(self, authority: Authority) -> bool:
        """Join the child with a server that is not declared; no credential goes there."""
        limits = self._desk.limits
        server = await self._desk.dialler.dial(authority, secure=False, local=True)
        try:
            await self._wire.send(_ESTABLISHED, limits.silent_seconds)
            self._exchange.use = replace(self._exchange.use, outcome="tunnelled")
            await join(self._wire, server, limits.silent_seconds, Watch(NO_WORDS))
        finally:
            server.abort()
        return False

    async def _refuse(self, head: RequestHead | None, error: RefusedError) -> bool:
        problem = error.problem
        use = self._exchange.use
        self._exchange.use = replace(
            use, outcome="refused", problem=problem.code, need=use.need or error.need
        )
        self._exchange.close()
        closes = head is None or problem.code in _MALFORMED or not _is_bare(head)
        told = problem.render(
            closes=closes,
            document=_document(problem, head, self._origin_meant),
            has_body=head is None or head.method != "HEAD",
        )
        await self._wire.send(told, self._desk.limits.silent_seconds)
        if closes:
            limits = self._desk.limits
            await self._wire.linger(limits.linger_seconds, limits.head_seconds)
        return not closes

    def _name(self, method: str, to: Authority | None = None) -> None:
        use = self._exchange.use
        self._exchange.use = replace(
            use,
            method=method or use.method,
            host=to.host if to else use.host,
            port=to.port if to else use.port,
        )

    def _tell(self, head: RequestHead | None) -> None:
        """Tell of the exchange; an opened tunnel is told by what happens in it."""
        use = self._exchange.use
        if use.outcome != "broken" or (head is not None and use.method):
            self._desk.uses.note(use)


def _document(problem: Problem, head: RequestHead | None, origin: Origin | None) -> Document | None:
    """Write a refusal as AWS's tools read it, if it is one of theirs that is refused."""
    placings = (route.placing for route in origin.routes) if origin is not None else ()
    signing = next((placing for placing in placings if isinstance(placing, Signing)), None)
    if head is None or signing is None:
        return None
    return document(problem, signing.service, head)


def _is_bare(head: RequestHead) -> bool:
    """Tell whether nothing of the request is unread."""
    return not head.fields.all("content-length") and not head.fields.all("transfer-encoding")
