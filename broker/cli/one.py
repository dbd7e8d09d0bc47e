"""Options that stand for one thing, and are never quietly passed over.

Of an option that is given twice only the last would count, and an empty one (a variable of a shell
that was not set) would count as none: something else would die, or be opened, than was meant.
"""

from typing import Any

import click


class One(click.Option):
    """An option that is given once, with a value, or left away."""

    def __init__(self, *args: Any, **attributes: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **{**attributes, "multiple": True})

    def process_value(self, ctx: click.Context, value: Any) -> Any:  # noqa: ANN401 - click's own
        """Return the one value; an empty one when the option was left away.

        Raises:
            click.BadParameter: it is empty, or there are two.
        """
        given = super().process_value(ctx, value)
        if len(given) > 1:
            raise click.BadParameter("it stands for one thing: give it once", ctx, self)
        if "" in given:
            raise click.BadParameter("it is empty: give it a value, or leave it away", ctx, self)
        return given[0] if given else ""
