"""The one judge of requests to declared servers.

Judged is the spelling that is forwarded. Refused are a method or path that no route has, a stand-in
at any place but its own, and any credential of the child's own at such a place: with somebody
else's account, a permitted server would be a way out for what the child knows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from broker.proxy.authority import Authority
from broker.proxy.declared import Route
from broker.proxy.message import RequestHead
from broker.proxy.problem import RefusedError
from broker.proxy.signing import ELSEWHERE, Signing, is_presigned
from broker.proxy.standin import StandIns
from broker.proxy.target import Target

_OVERRIDES: Final = frozenset(
    {
        *("x-http-method-override", "x-http-method", "x-method-override"),
        *("x-original-url", "x-rewrite-url", "x-original-uri"),
    }
)
"""Fields by which some servers take another method or path than the one that was judged."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which route lets a request pass, and whether its credential is put in."""

    route: Route
    injects: bool


class Rules:
    """Every declared route and every stand-in of one run."""

    def __init__(
        self, routes: Iterable[Route], stand_ins: StandIns, databases: Iterable[str] = ()
    ) -> None:
        """Take what is declared; hosts of databases are not spoken to by HTTP."""
        self._routes = tuple(routes)
        self._hosts = frozenset(route.authority.host for route in self._routes) | set(databases)
        self.stand_ins = stand_ins

    @property
    def hosts(self) -> frozenset[str]:
        """The declared names that are spoken to over TLS."""
        return frozenset(r.authority.host for r in self._routes if r.scheme == "https")

    def signs(self, need: str) -> bool:
        """Tell whether the child signs with a need's stand-in, as AWS's tools do."""
        return any(route.need == need for route, _ in _signing(self._routes))

    def at(self, scheme: str, authority: Authority) -> tuple[Route, ...]:
        """Return the routes to one server.

        Raises:
            RefusedError: the host is declared, but not this port or scheme.
        """
        found = tuple(
            route
            for route in self._routes
            if route.scheme == scheme and route.authority == authority
        )
        if not found and authority.host in self._hosts:
            raise RefusedError(
                403, "not-declared", "this host is declared with another port or scheme"
            )
        return found

    def judge(self, routes: tuple[Route, ...], head: RequestHead, target: Target) -> Verdict:
        """Tell by which of a server's routes a request passes.

        Raises:
            RefusedError: by none.
        """
        fitting = [route for route in routes if route.matches(head.method, target)]
        chosen = self._chosen(fitting, head)
        shown = [chosen] if chosen is not None else []
        places = _places(shown if fitting else routes)
        if chosen is None or is_presigned(target):
            self._check_signed(fitting, head, target)
        self.check_strays(head, target, places)
        if not fitting:
            raise RefusedError(
                403, "not-declared", "no route has this method and path", need=routes[0].need
            )
        overrides = _OVERRIDES | (ELSEWHERE if _signing(fitting) else frozenset())
        if any(name.lower().replace("_", "-") in overrides for name, _ in head.fields.items):
            raise RefusedError(403, "override", "a field asks for another method or path")
        if chosen is None:
            self._check_foreign(fitting, head, shown=frozenset())
            return self._without_stand_in(fitting)
        self._check_foreign(fitting, head, shown=frozenset(places))
        return Verdict(chosen, injects=True)

    def check_strays(self, head: RequestHead, target: object, places: set[str]) -> None:
        """Look for stand-ins where none may be.

        Raises:
            RefusedError: there is one.
        """
        elsewhere = head.fields.without(places | {"proxy-authorization"})
        if self.stand_ins.occur_in(str(target)) or self.stand_ins.occur_in_fields(elsewhere):
            raise stray()

    def _chosen(self, fitting: list[Route], head: RequestHead) -> Route | None:
        for route in fitting:
            if route.placing.is_shown(head.fields, self.stand_ins.whole(route.need)):
                return route
        return None

    def _check_signed(self, fitting: list[Route], head: RequestHead, target: Target) -> None:
        """Refuse what comes to a service of AWS without the stand-in's signature.

        Raises:
            RefusedError: it says why.
        """
        if signing := _signing(fitting):
            route, placing = signing[0]
            refusal = placing.refusal(head.fields, target, self.stand_ins.whole(route.need))
            refusal.need = route.need
            raise refusal

    def _without_stand_in(self, fitting: list[Route]) -> Verdict:
        for route in fitting:
            if route.always:
                return Verdict(route, injects=True)
        return Verdict(fitting[0], injects=False)

    def _check_foreign(
        self, fitting: list[Route], head: RequestHead, shown: frozenset[str]
    ) -> None:
        places = _places(fitting) | {"authorization"}
        there = {name.lower() for name, _ in head.fields.items}
        misspelt = {name.replace("_", "-") for name in there if "_" in name}
        if (there & places) - shown or misspelt & places:
            raise RefusedError(
                403,
                "foreign-credential",
                "another credential than the stand-in is shown: send the stand-in or none",
                need=fitting[0].need,
            )


def _places(routes: Iterable[Route]) -> set[str]:
    return {place for route in routes for place in route.placing.places}


def _signing(routes: Iterable[Route]) -> list[tuple[Route, Signing]]:
    return [(r, r.placing) for r in routes if isinstance(r.placing, Signing)]


def stray() -> RefusedError:
    """Refuse a stand-in at the wrong place."""
    return RefusedError(
        403, "stray-stand-in", "a stand-in is shown where none is declared: nothing was sent on"
    )
