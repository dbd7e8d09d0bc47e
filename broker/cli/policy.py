"""`broker policy`: what policy authors do with their files before anything is published."""

from typing import Final

from broker.cli.lazy import Entry, LazyGroup

COMMANDS: Final = {
    "test": Entry("broker.cli.policy_trial", "test", "Try the policies on cases."),
    "lint": Entry("broker.cli.policy_lint", "lint", "Find what will be regretted."),
    "replay": Entry("broker.cli.policy_replay", "replay", "Decide again what was decided."),
    "shadow": Entry(
        "broker.cli.policy_shadow", "shadow", "Let a candidate decide beside the live one."
    ),
    "fmt": Entry("broker.cli.policy_fmt", "fmt", "Lay policy files out in Cedar's own way."),
}

policy = LazyGroup("policy", COMMANDS, "Test, examine and lay out policies.")
policy.short_help = "Test, examine and lay out policies."
