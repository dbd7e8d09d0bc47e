"""Everything that Cedar parses passes here, and is counted.

Parsing costs twenty times a decision; the count shows that no request pays for it.
"""

import json
from collections.abc import Sequence

from cedarpy import (
    Entities,
    PolicySet,
    Schema,
    ValidationResult,
    policies_to_pst,
    pst,
    validate_policies,
)

from broker.policy.entity import Entity


class Handles:
    """Makes Cedar's parsed, immutable handles. Every method raises ValueError on a bad text."""

    def __init__(self) -> None:
        self.parses = 0

    def schema(self, text: str) -> Schema:
        """Parse a schema."""
        self.parses += 1
        return Schema.from_str(text)

    def nodes(self, text: str) -> pst.PolicySet:
        """Parse policy text into its typed tree."""
        self.parses += 1
        return policies_to_pst(text)

    def validation(self, text: str, schema: Schema) -> ValidationResult:
        """Check policy text against a schema."""
        self.parses += 1
        return validate_policies(text, schema)

    def policy_set(self, policies: Sequence[pst.Template]) -> PolicySet:
        """Make a set in which every policy is called by its own ``id``."""
        self.parses += 1
        by_id = {policy.id: policy for policy in policies}
        return PolicySet.from_pst(pst.PolicySet({}, by_id, ()))

    def entities(self, entities: Sequence[Entity], schema: Schema) -> Entities:
        """Parse entities and check them against a schema."""
        return self.entities_of_text(entities_text(entities), schema)

    def entities_of_text(self, text: str, schema: Schema) -> Entities:
        """Parse what :func:`entities_text` wrote, and check it against a schema."""
        self.parses += 1
        return Entities.from_json_str(text, schema)


def entities_text(entities: Sequence[Entity]) -> str:
    """Write entities in Cedar's form."""
    return json.dumps([entity.to_json() for entity in entities])
