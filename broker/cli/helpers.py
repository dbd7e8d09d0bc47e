"""`broker credential-helper`: what other tools start when they want a credential."""

from typing import Final

from broker.cli.lazy import Entry, LazyGroup

COMMANDS: Final = {
    "aws": Entry("broker.cli.helper_aws", "aws", "AWS's tools: a credential_process."),
    "git": Entry("broker.cli.helper_git", "git", "git: a credential helper."),
    "docker": Entry("broker.cli.helper_docker", "docker", "Docker: a credential helper."),
    "kubernetes": Entry(
        "broker.cli.helper_kubernetes", "kubernetes", "kubectl: a credential plugin."
    ),
}

HELP: Final = """\
Give one credential to a tool of others, in that tool's own form.

Within a run --need NAME says which one. Anywhere else a helper asks the broker itself, within
--task, for --capability and --scope, each time that the tool starts it; nothing is kept on a disk.

The secret goes to standard output and nowhere else, an error to standard error in one line (to
Docker, which reads it there, on standard output). A helper that cannot answer ends with the exit
codes of every command, never with 0.
"""

credential_helper: Final = LazyGroup("credential-helper", COMMANDS, HELP)
credential_helper.short_help = "Give a tool a credential in its own form."
