"""What tools make of the surroundings that a run gives them."""

import json
import sys
from pathlib import Path

from tests.fakes.run_stage import ISSUE, Stage, aws_session, stage

SESSION = """
import json, botocore.session
found = botocore.session.Session().get_credentials()
frozen = found.get_frozen_credentials()
print(json.dumps([found.method, frozen.access_key, frozen.secret_key, frozen.token]))
"""


def gives_aws(before: Stage) -> None:
    """Let the broker give a session of AWS."""
    before.broker.forget(ISSUE)
    before.broker.answer(ISSUE, aws_session("ASIAEXAMPLE"), status=201)


async def test_an_sdk_finds_the_runs_session_and_no_other(tmp_path: Path) -> None:
    """Whatever the user has in her files and variables."""
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    own = "[default]\naws_access_key_id = AKIAOWN\naws_secret_access_key = own\n"
    (home / ".aws" / "credentials").write_text(own)
    (home / ".aws" / "config").write_text("[profile admin]\ncredential_process = /bin/false\n")
    (tmp_path / "look.py").write_text(SESSION)
    others = ["AWS_PROFILE=admin", "AWS_ACCESS_KEY_ID=AKIAOTHER", "AWS_SECRET_ACCESS_KEY=other"]

    with stage(tmp_path) as before:
        gives_aws(before)
        run = before.run(
            f"{sys.executable} {tmp_path}/look.py",
            through=["env", f"HOME={home}", *others],
        )
        code, out, err = await run.ended()

    assert (code, err) == (0, "")
    assert json.loads(out) == ["container-role", "ASIAEXAMPLE", "canary-key", "canary-session"]


async def test_two_needs_that_want_one_variable_start_nothing(tmp_path: Path) -> None:
    """It is said which; with another shape for one of them both are there."""
    second = ("--need", "other=orders-api", "--scope", "other=orders:read")
    first = ("--scope", "orders-api=orders:read")
    with stage(tmp_path) as before:
        gives_aws(before)
        before.options = ["--task", "n", "--need", "orders-api", *first, *second]
        refused = before.run("touch started")
        given = before.run('echo "$OTHER_SESSION_TOKEN"', "--as", "other=env:OTHER_")
        told, well = await refused.ended(), await given.ended()

    assert (told[0], well[0]) == (77, 0)
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" in told[2]
    assert not (refused.folder / "started").exists()
    assert well[1] == "canary-session\n"


async def test_what_the_run_is_called_by_is_not_the_commands(tmp_path: Path) -> None:
    """Unless it is asked for."""
    with stage(tmp_path) as before:
        bare = before.run("env")
        asked = before.run("env", "--keep-env", "BROKER_TOKEN_FILE")
        outs = [(await each.ended())[1] for each in (bare, asked)]

    names = [{line.partition("=")[0] for line in out.splitlines()} for out in outs]
    ours = {"BROKER_URL", "BROKER_TOKEN_FILE", "BROKER_AGENT", "BROKER_TENANT"}
    assert names[0] & ours == set()
    assert names[1] & ours == {"BROKER_TOKEN_FILE"}
    assert "canary-token" not in "".join(outs)
