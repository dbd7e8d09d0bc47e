"""Questions to Cedar's own validator that it does not answer by itself.

It finds the type of each expression in every kind of request that a policy's scope allows, and
looks at nothing behind a condition that is false in all of them. So a policy with a nonsensical
condition added at its end is accepted exactly when nothing ever comes that far.
"""

import dataclasses
from typing import Final, cast

from cedarpy import Schema, pst, validate_policies

from broker.policy.lint.tree import rewritten, written

_NONSENSE: Final = pst.When(
    pst.BinaryOp("eq", pst.BinaryOp("add", pst.LongLit(1), pst.BoolLit(value=True)), pst.LongLit(2))
)


class Validator:
    """Asks about policies that the schema accepts."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def accepts(self, template: pst.Template) -> bool:
        """Tell whether a policy fits the schema."""
        return bool(validate_policies(written(template), self._schema).validation_passed)

    def never_applies(self, template: pst.Template) -> bool:
        """Tell whether its conditions are false for every request that its scope allows."""
        clauses = (*template.clauses, _NONSENSE)
        return self.accepts(dataclasses.replace(template, clauses=clauses))

    def reads_entity(self, template: pst.Template, read: pst.GetAttr) -> bool:
        """Tell whether an attribute is read of an entity, or of a record, which is always there.

        ``in`` is for entities alone: asked where the attribute is read, behind the same guards, it
        is refused of a record.
        """
        is_entity = pst.IfThenElse(pst.BinaryOp("in", read.base, read.base), read, read)
        clauses = rewritten(template.clauses, lambda node: is_entity if node == read else None)
        asked = dataclasses.replace(template, clauses=cast("tuple[pst.Clause, ...]", clauses))
        return self.accepts(asked)
