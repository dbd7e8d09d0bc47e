"""Conditions on plain calls: who gets in, who does not and why, and what is no condition at all."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from broker.client.bearer import Presented
from broker.client.call_guard import CallGuard, SyncCallGuard
from broker.client.call_plan import Shown, in_argument
from broker.client.errors import (
    AuthorizationMalformedError,
    CapabilityMismatchError,
    GuardMissingError,
    RefusalError,
    ScopeMissingError,
    TaskMismatchError,
    TenantMismatchError,
    TokenExpiredError,
    TokenMissingError,
    VerificationError,
)
from broker.client.liveness import OfflineLiveness
from broker.client.loop_thread import LoopThread
from broker.client.passage import current_token
from broker.client.requires import in_path, requires
from broker.client.sync_verifier import SyncVerifier
from broker.client.token import VerifiedToken
from broker.client.verifier import Verifier
from broker.secret import Secret
from tests.fakes import token_mint as mint
from tests.fakes.clock import FakeClock

REFUSALS = [
    ({"scope": "orders:admin"}, ScopeMissingError),
    ({"scope": ["orders:read", "orders:admin"]}, ScopeMissingError),
    ({"capability": "another"}, CapabilityMismatchError),
    ({"tenant": "globex"}, TenantMismatchError),
    ({"task": mint.ROOT}, TaskMismatchError),
]


def verifier(now_ms: int = mint.NOW_MS) -> Verifier:
    """Return a verifier of the tests' tokens."""
    return Verifier(
        mint.ISSUER,
        mint.AUDIENCE,
        keys=mint.fixed_keys(),
        liveness=OfflineLiveness(),
        clock=FakeClock(now_ms=now_ms),
    )


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    """The loop behind a verifier that waits."""
    thread = LoopThread()
    yield thread
    thread.close()


@pytest.fixture
def sync_guard(thread: LoopThread) -> Iterator[SyncCallGuard]:
    """A guard in use."""
    guard = SyncCallGuard()
    with guard.using(SyncVerifier(verifier(), thread)):
        yield guard


@pytest.fixture
async def guard() -> AsyncIterator[CallGuard]:
    """The same for what is awaited."""
    guard = CallGuard()
    with guard.using(verifier()):
        yield guard


def test_a_function_gets_the_verified_token(sync_guard: SyncCallGuard) -> None:
    """As its first argument, and so does whatever it calls; arguments stay as they were given."""

    @sync_guard.requires(scope="orders:read", task=in_argument("task"))
    def orders(token: VerifiedToken, task: str, *, limit: int = 5) -> tuple[str, str, int]:
        assert current_token() is token
        return token.agent, task, limit

    assert orders(mint.token(), mint.CHILD, limit=3) == ("helper", mint.CHILD, 3)
    assert orders(Secret(mint.token()), task=mint.CHILD)[2] == 5
    with pytest.raises(GuardMissingError):
        current_token()


async def test_an_async_function_gets_it_as_well(guard: CallGuard) -> None:
    """And two calls at once have each its own."""

    @guard.requires(task=in_argument("task"))
    async def task_of(token: VerifiedToken, task: str) -> str:
        await asyncio.sleep(0)
        assert task == token.task
        return current_token().task

    other = mint.token(task=mint.ROOT, path=[mint.ROOT])
    both = await asyncio.gather(task_of(mint.token(), mint.CHILD), task_of(other, task=mint.ROOT))

    assert both == [mint.CHILD, mint.ROOT]


@pytest.mark.parametrize(("conditions", "refusal"), REFUSALS)
async def test_a_refusal_has_its_type(
    conditions: dict[str, str],
    refusal: type[RefusalError],
    guard: CallGuard,
    sync_guard: SyncCallGuard,
) -> None:
    """Whatever is missing; and the function does not run."""

    @sync_guard.requires(**conditions)
    def now(token: VerifiedToken) -> None:
        pytest.fail(f"it must not run for {token.agent}")

    @guard.requires(**conditions)
    async def later(token: VerifiedToken) -> None:
        pytest.fail(f"it must not run for {token.agent}")

    with pytest.raises(refusal):
        now(mint.token())
    with pytest.raises(refusal):
        await later(mint.token())


@pytest.mark.parametrize("value", [mint.ROOT, "", None, 7, [mint.CHILD]])
def test_an_argument_that_is_not_the_token_s_is_refused(
    value: object, sync_guard: SyncCallGuard
) -> None:
    """None is no "any task": it agrees with no token, by default or by hand."""

    @sync_guard.requires(task=in_argument("task"))
    def read(token: VerifiedToken, task: object = None) -> None:
        pytest.fail(f"it must not run for {token.agent} and {task}")

    with pytest.raises(TaskMismatchError):
        read(mint.token(), value)
    with pytest.raises(TaskMismatchError):
        read(mint.token())


@pytest.mark.parametrize(
    ("shown", "refusal"),
    [
        (None, TokenMissingError),
        ("", TokenMissingError),
        (Presented(()), TokenMissingError),
        (Presented(("Bearer a", "Bearer b")), AuthorizationMalformedError),
        ("not.a.token", VerificationError),
    ],
)
def test_what_is_no_token_is_refused(
    shown: Shown, refusal: type[RefusalError], sync_guard: SyncCallGuard
) -> None:
    """With the same classes as everywhere."""

    @sync_guard.requires()
    def read(token: VerifiedToken) -> None:
        pytest.fail(f"it must not run for {token.agent}")

    with pytest.raises(refusal):
        read(shown)


def test_a_request_may_be_shown_in_the_token_s_place(sync_guard: SyncCallGuard) -> None:
    """For tokens that are bound to a key, which the request proves."""

    @sync_guard.requires(scope="orders:read")
    def read(token: VerifiedToken) -> str:
        return token.agent

    assert read(Presented((f"Bearer {mint.token()}",))) == "helper"


def test_a_token_that_has_died_opens_nothing(thread: LoopThread) -> None:
    """Each call is judged by itself."""
    guard = SyncCallGuard()

    @guard.requires()
    def read(token: VerifiedToken) -> None:
        pytest.fail(f"it must not run for {token.agent}")

    late = SyncVerifier(verifier(mint.NOW_MS + 86_400_000), thread)
    with guard.using(late), pytest.raises(TokenExpiredError):
        read(mint.token())


class Orders:
    """Something with methods of every kind."""

    guard = SyncCallGuard()

    def __init__(self, token: str) -> None:
        self.token = token

    @guard.requires(scope="orders:read", task=in_argument("task"))
    def read(self, token: VerifiedToken, task: str) -> str:
        """Read."""
        return token.agent + task

    @classmethod
    @guard.requires(scope="orders:read")
    def count(cls, token: VerifiedToken) -> str:
        """Count."""
        return cls.__name__ + token.agent

    @staticmethod
    @guard.requires(scope="orders:read")
    def name(token: VerifiedToken) -> str:
        """Name."""
        return token.agent

    def _shown(self, task: str) -> str:
        del task
        return self.token

    @guard.requires(token_from=_shown, task=in_argument("task"))
    def own(self, task: str) -> str:
        """Find the token in the object."""
        return current_token().agent + task


def test_methods_of_every_kind_are_guarded(thread: LoopThread) -> None:
    """Below the decorator that makes them what they are."""
    orders = Orders(mint.token())
    with Orders.guard.using(SyncVerifier(verifier(), thread)):
        assert orders.read(mint.token(), mint.CHILD) == "helper" + mint.CHILD
        assert Orders.count(mint.token()) == "Ordershelper"
        assert Orders.name(mint.token()) == "helper"
        assert orders.own(mint.CHILD) == "helper" + mint.CHILD
        with pytest.raises(TaskMismatchError):
            orders.own(mint.ROOT)


async def test_a_token_is_found_where_the_function_says(guard: CallGuard) -> None:
    """In a message, say; the function keeps its arguments, and the type checker knows them."""

    def of_message(message: dict[str, str]) -> str | None:
        return message.get("token")

    @guard.requires(token_from=of_message, scope="orders:read")
    async def handle(message: dict[str, str]) -> str:
        return message["body"] + current_token().agent

    assert await handle({"token": mint.token(), "body": "x"}) == "xhelper"
    with pytest.raises(TokenMissingError):
        await handle({"body": "x"})


def test_outside_of_its_block_a_guard_refuses(thread: LoopThread) -> None:
    """Before it, after it, and after it ended badly; nobody takes another's place within it."""
    guard = SyncCallGuard()

    @guard.requires()
    def read(token: VerifiedToken) -> str:
        return token.agent

    used = SyncVerifier(verifier(), thread)
    with pytest.raises(GuardMissingError, match="using"):
        read(mint.token())
    with guard.using(used):
        with pytest.raises(ValueError, match="already"), guard.using(used):
            pytest.fail("it must not begin")
        assert read(mint.token()) == "helper"
    with pytest.raises(ZeroDivisionError), guard.using(used):
        _ = 1 // 0
    with pytest.raises(GuardMissingError):
        read(mint.token())


def test_a_refusal_that_is_caught_within_is_still_the_answer(sync_guard: SyncCallGuard) -> None:
    """As behind the guards of web frameworks."""

    @requires(scope="orders:admin")
    def inner() -> str:
        pytest.fail("it must not run")

    @sync_guard.requires(scope="orders:read")
    def careless(token: VerifiedToken) -> str:
        try:
            return inner()
        except RefusalError:
            return f"all the secrets of {token.tenant}"

    with pytest.raises(ScopeMissingError):
        careless(mint.token())


def test_threads_have_each_their_own_token(sync_guard: SyncCallGuard) -> None:
    """One guard for all of a program."""
    barrier, seen = threading.Barrier(2), set()

    @sync_guard.requires()
    def read(token: VerifiedToken) -> None:
        barrier.wait(60)
        seen.add((token.task, current_token().task))

    tokens = [mint.token(), mint.token(task=mint.ROOT, path=[mint.ROOT])]
    threads = [threading.Thread(target=read, args=(token,)) for token in tokens]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert seen == {(mint.CHILD, mint.CHILD), (mint.ROOT, mint.ROOT)}


def no_place(task: str) -> None:
    """Take no token."""


def with_default(token: VerifiedToken | None = None) -> None:
    """Take one, or none."""


def keyword_only(*, token: VerifiedToken) -> None:
    """Take one by name alone."""


def items(token: VerifiedToken) -> Iterator[str]:
    """Go on after the check."""
    yield token.agent


async def later_items(token: VerifiedToken) -> AsyncIterator[str]:
    """Go on after the check."""
    yield token.agent


def plain(token: VerifiedToken, task: str) -> None:
    """Make sense."""


async def awaited(token: VerifiedToken, task: str) -> None:
    """Make sense."""


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (no_place, "VerifiedToken"),
        (with_default, "VerifiedToken"),
        (keyword_only, "VerifiedToken"),
        (items, "generator"),
        (later_items, "generator"),
        (staticmethod(plain), "staticmethod"),
        (Orders, "function itself"),
        (print, "function itself"),
    ],
)
def test_what_cannot_be_guarded_shows_when_it_is_written(
    function: Callable[..., object], match: str
) -> None:
    """Not when the first call comes; by either guard."""
    for guard in (SyncCallGuard(), CallGuard()):
        with pytest.raises(TypeError, match=match):
            guard.requires(scope="a")(function)  # type: ignore[operator]


def test_each_guard_says_which_one_is_needed() -> None:
    """A function that is awaited is not guarded by one that waits, nor the other way round."""
    with pytest.raises(TypeError, match="CallGuard"):
        SyncCallGuard().requires()(awaited)
    with pytest.raises(TypeError, match="SyncCallGuard"):
        CallGuard().requires()(plain)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", ["tsak", "token"])
def test_a_condition_on_no_argument_shows_when_it_is_written(name: str) -> None:
    """A slip in its name, or the token itself."""
    with pytest.raises(TypeError, match=f"plain has no argument '{name}'"):
        SyncCallGuard().requires(task=in_argument(name))(plain)


@pytest.mark.parametrize("scope", ["", " ", "a  b", 'a"b', ["a b"], ["ä"], [""]])
def test_a_scope_that_is_none_shows_when_it_is_written(scope: str | list[str]) -> None:
    """As with every other condition."""
    with pytest.raises(ValueError, match=r"scope|header"):
        SyncCallGuard().requires(scope=scope)


def test_a_part_of_a_route_is_no_condition_on_a_call() -> None:
    """There is no route here."""
    with pytest.raises(TypeError, match="in_argument"):
        SyncCallGuard().requires(task=in_path("task"))  # type: ignore[call-overload]


def test_an_annotation_may_be_a_text(sync_guard: SyncCallGuard) -> None:
    """As under ``from __future__ import annotations``."""

    @sync_guard.requires()
    def read(token: "VerifiedToken") -> str:
        return token.agent

    assert read(mint.token()) == "helper"
