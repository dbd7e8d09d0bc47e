"""`broker facts`: the table of its commands."""

from typing import Final

from broker.cli.lazy import Entry, LazyGroup

COMMANDS: Final = {
    "list": Entry("broker.cli.fact_looks", "find", "List the things of your tenants."),
    "show": Entry("broker.cli.fact_looks", "show", "Show a thing and its relationships."),
    "reach": Entry(
        "broker.cli.fact_looks", "reach", "Show what a thing reaches, or is reached from."
    ),
    "put": Entry("broker.cli.fact_orders", "put", "Declare a thing, or change it."),
    "drop": Entry("broker.cli.fact_orders", "drop", "Forget things."),
    "relate": Entry("broker.cli.fact_orders", "relate", "Make a relationship."),
    "unrelate": Entry("broker.cli.fact_orders", "unrelate", "End a relationship."),
    "hold": Entry("broker.cli.fact_orders", "hold", "Stop things until somebody lifts it."),
    "lift": Entry("broker.cli.fact_orders", "lift", "Let things go on."),
    "history": Entry("broker.cli.fact_history", "history", "Show who changed what, and why."),
    "rollback": Entry("broker.cli.fact_history", "rollback", "Take a change back."),
    "import": Entry("broker.cli.fact_files", "import_", "Import a large file, all or nothing."),
    "check": Entry("broker.cli.fact_check", "check", "Check files of facts, on files alone."),
    "diff": Entry("broker.cli.fact_apply", "diff", "Compare files with what stands."),
}

facts: Final = LazyGroup("facts", COMMANDS, "Look at facts and change them.")
"""Things and relationships, which policy reads: who owns what, who works on what, and why."""
