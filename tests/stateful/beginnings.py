"""How a history begins: with a small forest of tasks, and credentials under it."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from broker.model.capability import Ceiling
from broker.model.requests import IssueCredential, OpenTask
from tests.stateful.base import ISSUER, WHERE, WHO
from tests.stateful.lease_rules import CAPABILITY, LeaseRules
from tests.stateful.people import CAPABILITIES, ISSUERS, MINUTE, SCOPES
from tests.stateful.task_rules import TaskRules, owner_of

EVERYTHING = tuple(Ceiling(name, SCOPES) for name in CAPABILITIES)


class Beginnings(TaskRules, LeaseRules):
    """Without one, most histories would be about nothing."""

    @initialize(
        trees=st.lists(st.tuples(WHO, WHERE, WHO), min_size=1, max_size=2),
        wanted=st.lists(st.tuples(CAPABILITY, ISSUER), min_size=1, max_size=3),
    )
    def begin(self, trees: list[tuple[str, str, str]], wanted: list[tuple[str, str]]) -> None:
        """Open a root and a child in each tree, and issue under both."""
        for who, where, heir in trees:
            root = OpenTask("r", who, where, EVERYTHING, 10 * MINUTE, 5 * MINUTE, instance="pod-1")
            self.open_root(root, ISSUERS[0], None)
            parent = self.model.tasks[-1]
            child = OpenTask(
                "c", heir, where, EVERYTHING, 10 * MINUTE, 0, instance="pod-2", parent=parent.id
            )
            self.open(owner_of(parent), child, parent, None)
        for task in list(self.model.tasks):
            for capability, issuer in wanted:
                request = IssueCredential(capability, frozenset({"read"}), 3 * MINUTE)
                self.ask(task, owner_of(task, issuer), request)
