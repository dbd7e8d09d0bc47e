"""``make demo-real``: one task end kills a JWT, a database login and an STS session, for real.

Ends with 0 only if every step was as it must be.
"""

import sys

import click

from broker.cli.interrupts import run
from broker.clock import SystemClock
from broker.dev.console import JsonReporter, Reporter, printed
from tests.real.demo.servers import PEERS
from tests.real.demo.tell import tell


@click.command(help=__doc__)
@click.option(
    "--aws",
    type=click.Choice(sorted(PEERS)),
    default="radosgw",
    show_default=True,
    help="Which server speaks AWS.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document at the end.")
def main(*, aws: str, as_json: bool) -> None:
    """Tell it."""
    reporter: Reporter = JsonReporter(sys.stdout) if as_json else printed(sys.stdout)
    sys.exit(1 if run(tell(reporter, SystemClock(), aws=aws)) else 0)


if __name__ == "__main__":
    main()
