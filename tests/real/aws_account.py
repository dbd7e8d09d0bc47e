"""The kill of one task's sessions, measured on a real AWS account, by whoever has one.

``python -m tests.real.aws_account --account 123456789012 --region eu-central-1``

With the keys that boto3 finds it makes a bucket, a role, a boundary and a writer of denials, all
with one fresh name; opens sessions of two tasks and one that is short; kills one task by the
broker's own code; measures how long its session is still served, while the other task's must go on;
and removes all that it made. Nothing else is touched. It does nothing without ``--account``, which
must be the account of these keys. Exit code 0 when everything was as the broker promises.

It costs some requests, and needs rights to make roles, policies and buckets. Use an account in
which nothing of worth is.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from backends.errors import BackendError
from tests.real.aws_peer import named
from tests.real.aws_trial import IDS, Trial, TrialError, Where


@contextmanager
def _removed(trial: Trial, say: Callable[[str], None]) -> Iterator[None]:
    try:
        yield
    finally:
        left = trial.remove()
        say("removed what was made" if not left else f"LEFT, remove it by hand: {'; '.join(left)}")


def run(trial: Trial, report: dict[str, Any], say: Callable[[str], None]) -> None:
    """Try it.

    Raises:
        TrialError: something is not as the broker promises.
    """
    with _removed(trial, say):
        say("making bucket, roles and boundary")
        trial.prepare()
        place, killed = trial.served()
        _, control = trial.served()
        say("two tasks' sessions are served; killing the one")
        started = time.monotonic()
        at = trial.kill(place)
        report["denial_written_s"] = round(at - started, 3)
        report["served_after_denial_s"] = round(trial.until_refused(killed, control, at), 3)
        say(f"refused for good; served for {report['served_after_denial_s']} s after the denial")
        say(f"a session of a lease of {trial.short_s} s")
        _, short = trial.mint(trial.wish(IDS.root_task()), trial.short_s * 1000)
        at = time.monotonic() + trial.short_s
        report["short_session_was_served"] = trial.may(short)
        report["served_after_lease_s"] = round(trial.until_refused(short, control, at), 3)
        report["control_is_alive"] = trial.may(control)
        if not report["short_session_was_served"]:
            raise TrialError("the short session was never served")


def _caller(where: Where) -> str:
    """Return the role or user whose keys these are.

    Raises:
        TrialError: they are of another account.
    """
    found = where.client("sts").get_caller_identity()
    if found["Account"] != where.account:
        raise TrialError(f"these keys are of account {found['Account']}, not {where.account}")
    arn = str(found["Arn"])
    if ":assumed-role/" not in arn:
        return arn
    role = where.client("iam").get_role(RoleName=arn.split("/")[1])["Role"]
    return str(role["Arn"])


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.real.aws_account",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--account", required=True, help="the account that the keys are of")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--profile", help="of AWS's configuration files")
    parser.add_argument("--prefix", default="jit-broker-trial", help="what all names begin with")
    parser.add_argument("--principal", help="whom the roles trust; default: whose keys these are")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds; default 300")
    parser.add_argument("--lease", type=int, default=20, help="seconds of a short one; default 20")
    for service in ("sts", "iam", "s3"):
        parser.add_argument(f"--{service}-url", default="", help="of another server than AWS's")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Try it, and print what was seen as JSON."""
    asked = _arguments(words)
    where = Where(
        asked.account,
        asked.region,
        asked.profile,
        asked.sts_url,
        asked.iam_url,
        asked.s3_url,
        asked.patience,
        asked.lease,
    )
    report: dict[str, Any] = {"account": where.account, "region": where.region, "passed": False}

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is a command

    try:
        principal = _caller(where)
        trial = Trial(where, asked.principal or principal, named(asked.prefix))
        run(trial, report, say)
        report["passed"] = True
    except (TrialError, BackendError, ClientError, BotoCoreError) as error:
        report["why"] = f"{type(error).__name__}: {error}"
    print(json.dumps(report, indent=2))  # noqa: T201 - this is a command
    return 0 if report["passed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
