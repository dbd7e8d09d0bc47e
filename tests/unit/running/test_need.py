from dataclasses import replace

import pytest

from broker.client.results import Ceiling
from broker.running.need import Need, Said, ScopeUnsaidError, ceiling_of, read_needs, within
from broker.running.shapes.env import Env
from broker.running.shapes.header import Header


def read(
    *needs: str,
    scopes: tuple[str, ...] = (),
    shapes: tuple[str, ...] = (),
    ttls: tuple[str, ...] = (),
    written: tuple[Need, ...] = (),
) -> tuple[Need, ...]:
    """Read what a command line says, beside what is written elsewhere."""
    said = Said(needs=needs, scopes=scopes, shapes=shapes, ttls=ttls)
    return read_needs(said, int, written=written)


ORDERS = Need(
    name="orders", capability="orders-api", scopes=("orders:read",), ttl_seconds=9, shapes=(Env(),)
)


def test_what_is_said_of_a_written_need_takes_the_place_of_what_is_written() -> None:
    """The rest of it stays, and other needs come beside it."""
    other = ("other=reports-read",)

    (narrowed,) = read(scopes=("a", "b"), written=(ORDERS,))
    changed, added = read(
        *other,
        scopes=("other=x",),
        shapes=("orders=header",),
        ttls=("orders=5",),
        written=(ORDERS,),
    )

    assert narrowed == replace(ORDERS, scopes=("a", "b"))
    assert changed == replace(ORDERS, shapes=(Header(),), ttl_seconds=5)
    assert (added.name, added.scopes, added.shapes) == ("other", ("x",), ())


def test_a_written_need_that_is_said_anew_is_another() -> None:
    """Nothing of what is written is left in it."""
    (need,) = read("orders=reports-read", scopes=("x",), written=(ORDERS,))

    assert need == Need(name="orders", capability="reports-read", scopes=("x",))


def test_what_is_said_beside_written_needs_says_of_which() -> None:
    """As where all were said."""
    with pytest.raises(ValueError, match=r"NAME=x \(orders, other\)"):
        read("other=reports-read", scopes=("x",), written=(ORDERS,))


def test_one_need_takes_everything_that_is_said() -> None:
    """No name has to be written."""
    (need,) = read(
        "orders-api", scopes=("orders:read", "orders:write"), shapes=("env",), ttls=("60",)
    )

    assert need == Need(
        name="orders-api",
        capability="orders-api",
        scopes=("orders:read", "orders:write"),
        ttl_seconds=60,
        shapes=(Env(),),
    )


def test_a_need_without_a_scope_takes_the_only_one_of_its_task() -> None:
    """Where the task leaves room for several, or for none, it is told to say which."""
    (bare,) = read("orders-api")
    (said,) = read("orders-api", scopes=("orders:write",))
    one, two = Ceiling("orders-api", ("orders:read",)), Ceiling("orders-api", ("a", "b"))

    assert within(bare, [Ceiling("other", ("x",)), one]).scopes == ("orders:read",)
    assert within(said, [one]) == said
    with pytest.raises(ScopeUnsaidError, match="say which: a, b"):
        within(bare, [two])
    with pytest.raises(ScopeUnsaidError, match="the task may not have it"):
        within(bare, [])


def test_a_need_is_called_as_the_command_calls_it() -> None:
    """Two of one capability have two names; each takes what is said of it."""
    first, second = read(
        "in=orders-api",
        "out=orders-api",
        scopes=("in=orders:read", "out=orders:write", "out=orders:read"),
        shapes=("in=header=x.txt",),
    )

    assert (first.scopes, first.shapes) == (("orders:read",), (Header("x.txt"),))
    assert (second.capability, second.scopes) == ("orders-api", ("orders:write", "orders:read"))
    assert ceiling_of([first, second]) == (Ceiling("orders-api", ("orders:read", "orders:write")),)


def test_a_capability_with_other_characters_has_a_name_that_can_be_said() -> None:
    """In a path, a URL and a variable."""
    (need,) = read("db:orders/read", scopes=("x",))

    assert need.name == "db-orders-read"


@pytest.mark.parametrize(
    ("needs", "scopes", "shapes", "ttls", "says"),
    [
        (("a", "b"), ("x",), (), (), "NAME=x"),
        (("a", "b"), ("c=x", "a=y"), (), (), "NAME=c=x"),
        (("a", "a"), ("a=x",), (), (), "two needs are called a"),
        (("a=b", "a=c"), ("a=x",), (), (), "two needs are called a"),
        (("=b",), ("x",), (), (), "no name"),
        (("a=",), ("x",), (), (), "no capability"),
        (("../a=b",), ("x",), (), (), "no name"),
        (("a/b=c",), ("x",), (), (), "no name"),
        ((".a=c",), ("x",), (), (), "no name"),
        (("header=orders-api",), ("x",), (), (), "cannot be called 'header'"),
        (("a",), ("x",), ("nothing",), (), "no shape"),
        (("a",), ("x",), (), ("1", "2"), "two lives"),
    ],
)
def test_what_does_not_go_together_is_refused(
    needs: tuple[str, ...],
    scopes: tuple[str, ...],
    shapes: tuple[str, ...],
    ttls: tuple[str, ...],
    says: str,
) -> None:
    """With the fix."""
    with pytest.raises(ValueError, match=says):
        read(*needs, scopes=scopes, shapes=shapes, ttls=ttls)
