"""`broker completion`: what a shell needs to complete our command line."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")

HOW = """\
Print the completion script of a shell.

\b
  bash   broker completion bash > ~/.local/share/bash-completion/completions/broker
  zsh    broker completion zsh  > "${fpath[1]}/_broker"
  fish   broker completion fish > ~/.config/fish/completions/broker.fish
"""


@click.command(help=HOW, short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    root = ctx.find_root().command
    click.echo(kind(root, {}, "broker", "_BROKER_COMPLETE").source())
