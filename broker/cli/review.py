"""`broker review`: the table of its commands."""

from typing import Final

from broker.cli.lazy import Entry, LazyGroup

COMMANDS: Final = {
    "start": Entry(
        "broker.cli.review_start", "start", "Put a tenant's agents before their owners."
    ),
    "list": Entry("broker.cli.review_looks", "find", "List the reviews that you may see."),
    "show": Entry("broker.cli.review_looks", "show", "Show a review and its agents."),
    "answer": Entry("broker.cli.review_looks", "answer", "Answer about an agent."),
    "replay": Entry("broker.cli.review_replay", "replay", "Decide again with what would be left."),
    "export": Entry("broker.cli.review_export", "export", "Write a review as HTML, CSV or JSON."),
    "check": Entry("broker.cli.review_export", "check", "Check an exported review's answers."),
    "diff": Entry(
        "broker.cli.review_diff", "diff", "Write what agents.yaml has to say, as a diff."
    ),
}

review: Final = LazyGroup("review", COMMANDS, "Put agents before their owners.")
"""What each agent was granted and used, and whether it may go on: asked of whoever owns it."""
