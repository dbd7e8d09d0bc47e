"""Which new relationships would close a circle."""

from collections.abc import Callable, Iterable

from broker.model.fact import Ref

Above = Callable[[Ref], Iterable[Ref]]


def components(starts: Iterable[Ref], above: Above) -> dict[Ref, int]:
    """Number what can be reached so that two names have one number if each reaches the other.

    Tarjan's algorithm, without recursion: a chain may be as long as the graph is large.
    """
    walk = _Walk(above)
    for start in starts:
        walk.visit(start)
    return walk.component


class _Walk:
    def __init__(self, above: Above) -> None:
        self._above = above
        self._index: dict[Ref, int] = {}
        self._lowest: dict[Ref, int] = {}
        self._open: list[Ref] = []
        self.component: dict[Ref, int] = {}

    def visit(self, start: Ref) -> None:
        if start in self._index:
            return
        self._enter(start)
        path = [(start, iter(self._above(start)))]
        while path:
            at, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                self._leave(at, path[-1][0] if path else None)
            elif following not in self._index:
                self._enter(following)
                path.append((following, iter(self._above(following))))
            elif following not in self.component:
                self._lowest[at] = min(self._lowest[at], self._index[following])

    def _enter(self, ref: Ref) -> None:
        self._index[ref] = self._lowest[ref] = len(self._index)
        self._open.append(ref)

    def _leave(self, ref: Ref, parent: Ref | None) -> None:
        if parent is not None:
            self._lowest[parent] = min(self._lowest[parent], self._lowest[ref])
        if self._lowest[ref] != self._index[ref]:
            return
        while True:
            member = self._open.pop()
            self.component[member] = self._index[ref]
            if member == ref:
                return
