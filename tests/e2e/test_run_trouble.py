"""What goes wrong while a command runs, and what its run makes of it."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from broker.running.watch import LOOK_SECONDS
from tests.fakes import answers
from tests.fakes import token_mint as mint
from tests.fakes.run_command import WAIT
from tests.fakes.run_stage import BEAT, ISSUE, RENEW, TASK, Stage, issued, soon, stage

UNSHARE = shutil.which("unshare") or ""
CAN_MOUNT = (
    UNSHARE
    and not subprocess.run(  # noqa: S603 - the machine's own
        [UNSHARE, "-Urm", "true"], check=False, capture_output=True
    ).returncode
)
"""Whether a folder of any size can be made without being root."""

SHOWN = f"GET /v1/credentials/{mint.LEASE}"
OTHER = "l_03_" + "b" * 26

FAST = {"idle_timeout_seconds": 0.6}
"""A beat every fifth of a second."""


async def test_a_command_goes_on_without_a_broker(tmp_path: Path) -> None:
    """It is told once that there is none, and once that there is one again."""
    with stage(tmp_path, task=FAST) as before:
        run = before.run(WAIT)
        await run.started()
        before.broker.forget(BEAT)
        before.broker.problem(BEAT, 503, "unavailable")
        count = len(before.broker.requests(BEAT))
        await run.until(lambda: len(before.broker.requests(BEAT)) > count + 8, "beats")
        before.broker.forget(BEAT)
        before.broker.answer(BEAT, answers.task(**FAST))
        count = len(before.broker.requests(BEAT))
        await run.until(lambda: len(before.broker.requests(BEAT)) > count + 5, "beats again")
        run.go()
        code, _, err = await run.ended()

    assert code == 0
    assert err.count("the command goes on with what it has") == 1
    assert err.count("the broker answers again") == 1


async def test_a_broker_that_is_gone_does_not_keep_the_commands_end(tmp_path: Path) -> None:
    """Its exit code stands; that the task could not be ended is said."""
    with stage(tmp_path) as before:
        run = before.run(WAIT + "exit 3")
        await run.started()
        before.broker.forget(f"POST {TASK}/fail")
        before.broker.problem(f"POST {TASK}/fail", 503, "unavailable")
        run.go()
        code, _, err = await run.ended()

    assert code == 3
    assert "could not be ended" in err


async def test_evidence_that_is_no_longer_taken_is_told_and_renewing_is_tried_again(
    tmp_path: Path,
) -> None:
    """A platform that rotates late is no reason to end anything."""
    with stage(tmp_path, task=FAST, **soon(4)) as before:
        before.broker.forget(RENEW)
        before.broker.problem(RENEW, 401, "unauthenticated")
        run = before.run(WAIT)
        await run.started()
        await run.until(lambda: bool(before.broker.requests(RENEW)), "a try to renew")
        await asyncio.sleep(2 * LOOK_SECONDS)
        before.broker.forget(RENEW)
        younger = issued(generation=2, access_token="younger")
        before.broker.answer(RENEW, younger)
        token = before.file("orders-api.token")
        await run.until(lambda: token.read_text() == "younger", "the younger token")
        run.go()
        code, _, err = await run.ended()

    assert code == 0
    assert "401 unauthenticated" in err


@pytest.mark.parametrize(("choice", "code"), [("term", 79), ("warn", 0)])
async def test_a_renewal_that_policy_refuses_ends_it_when_the_token_has_died(
    tmp_path: Path, choice: str, code: int
) -> None:
    """Until then the command has it, and is told until when."""
    with stage(tmp_path, **soon(3)) as before:
        before.broker.forget(RENEW)
        before.broker.problem(RENEW, 403, "access-denied", detail="no more")
        run = before.run(WAIT, "--on-revoked", choice)
        await run.started()
        if choice == "warn":
            await asyncio.sleep(4)
            run.go()
        ended = await run.ended()

    assert ended[0] == code
    assert ended[2].count("is not renewed any more") == 1
    assert "orders-api is dead: 403 access-denied" in ended[2]


async def test_one_that_cannot_be_renewed_is_followed_by_another(tmp_path: Path) -> None:
    """Ahead of its end."""
    first = {**soon(3), "renewable": False}
    with stage(tmp_path, **first) as before:
        before.broker.forget(ISSUE)
        before.broker.answer(ISSUE, issued(**first), status=201)
        other = issued(access_token="another", id="l_03_" + "b" * 26)
        before.broker.answer(ISSUE, other, status=201)
        run = before.run(WAIT + 'cp "$ORDERS_API_TOKEN_FILE" token')
        await run.started()
        token = before.file("orders-api.token")
        await run.until(lambda: token.read_text() == "another", "the one that follows")
        run.go()
        code, _, err = await run.ended()

    assert (code, err) == (0, "")
    assert before.broker.requests(RENEW) == []


async def test_files_that_cannot_be_written_do_not_end_the_command(tmp_path: Path) -> None:
    """A full disk: it is told that they grow old, and they are written when that works again."""
    with stage(tmp_path, **soon(3)) as before:
        before.broker.forget(RENEW)
        younger = issued(generation=2, access_token="younger")
        before.broker.answer(RENEW, younger)
        run = before.run(WAIT)
        await run.started()
        token = before.file("orders-api.token")
        token.unlink()
        (token / "in-the-way").mkdir(parents=True)
        await run.until(lambda: bool(before.broker.requests(RENEW)), "a renewal")
        await asyncio.sleep(1.5)
        (token / "in-the-way").rmdir()
        token.rmdir()
        await run.until(token.is_file, "the file")
        found = run.text_of(token)
        run.go()
        code, _, err = await run.ended()

    assert (code, found) == (0, "younger")
    assert err.count("the files of orders-api grow old") == 1
    assert err.count("are current again") == 1


async def test_a_full_disk_at_the_start_starts_nothing(tmp_path: Path) -> None:
    """And the task is ended: a file may grow to no size at all there."""
    with stage(tmp_path) as before:
        run = before.run("touch started", through=["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"])
        code, _, err = await run.ended()

    assert (code, "cannot be written" in err) == (77, True)
    assert not (run.folder / "started").exists()
    assert before.ends() == {"fail": 1}
    assert before.left() == []


async def test_a_broker_that_answers_nonsense_starts_nothing(tmp_path: Path) -> None:
    """One sentence, no traceback."""
    with stage(tmp_path) as before:
        before.broker.forget(ISSUE)
        before.broker.answer(ISSUE, b"<html>", status=201)
        run = before.run("touch started")
        code, _, err = await run.ended()

    assert code == 77
    assert "Traceback" not in err
    assert not (run.folder / "started").exists()
    assert before.ends() == {"fail": 1}


async def test_a_clock_that_is_wrong_does_not_make_a_token_older_or_younger(
    tmp_path: Path,
) -> None:
    """Its life is counted from the answer on, whatever instants that names."""
    past = {"expires_in": 300, "expires_at": "2001-01-01T00:00:00.000Z"}
    with stage(tmp_path, **past) as before:
        run = before.run(WAIT)
        await run.started()
        await asyncio.sleep(1)
        run.go()
        code, _, err = await run.ended()

    assert (code, err) == (0, "")
    assert before.broker.requests(RENEW) == []


async def test_a_claim_that_is_refused_leaves_no_open_task(tmp_path: Path) -> None:
    """Its opener takes it back."""
    with stage(tmp_path) as before:
        before.broker.forget(f"POST {TASK}/claim")
        before.broker.problem(f"POST {TASK}/claim", 404, "not-found")
        run = before.run("touch started")
        code, _, err = await run.ended()

    assert (code, "404 not-found" in err) == (77, True)
    assert before.ends() == {"cancel": 1}


def goes_away(before: Stage) -> None:
    """Let nothing be had of the broker."""
    for route in (RENEW, SHOWN, ISSUE):
        before.broker.forget(route)
        before.broker.problem(route, 503, "unavailable")


def comes_back(before: Stage, ended_by: str) -> None:
    """Let it say what has become of the credential, and give another one."""
    for route in (RENEW, SHOWN, ISSUE):
        before.broker.forget(route)
    before.broker.problem(RENEW, 410, "credential-ended")
    ended = answers.credential(alive=False, state="ended", ended_by=ended_by)
    before.broker.answer(SHOWN, ended)
    before.broker.answer(ISSUE, issued(access_token="another", id=OTHER), status=201)


@pytest.mark.parametrize(
    ("ended_by", "code", "said"),
    [("expired", 0, "the broker answers again"), ("revoked", 79, "orders-api is dead: ")],
)
async def test_a_token_that_expires_while_the_broker_is_away_is_followed_unless_it_was_taken(
    tmp_path: Path, ended_by: str, code: int, said: str
) -> None:
    """The desk has nothing meanwhile. Files have another one afterwards, without being asked."""
    script = (
        WAIT + 'curl -s -o /dev/null -w "%{http_code}" -H "Authorization: $BROKER_RUN_TOKEN" '
        '"$BROKER_RUN_URL/v1/credentials/orders-api"; until [ -e end ]; do sleep 0.05; done'
    )
    with stage(tmp_path, task=FAST, **soon(2)) as before:
        run = before.run(script)
        await run.started()
        goes_away(before)
        token = before.file("orders-api.token")
        await run.until(lambda: bool(before.broker.requests(SHOWN)), "a look at what is dead")
        run.go()
        await asyncio.sleep(1)
        comes_back(before, ended_by)
        if code == 0:
            await run.until(lambda: token.read_text() == "another", "the one that follows")
            await asyncio.sleep(2 * LOOK_SECONDS)
            (run.folder / "end").touch()
        ended_as, out, err = await run.ended()

    assert (ended_as, out) == (code, "503")
    assert "the command goes on with what it has" in err
    assert said in err


async def test_evidence_that_rotates_empties_and_goes_is_read_again_each_time(
    tmp_path: Path,
) -> None:
    """As Kubernetes replaces a projected token: nothing is kept, and its absence is only told."""
    evidence = tmp_path / "token"

    def shown() -> str:
        return "".join(each.headers["Authorization"] for each in before.broker.requests(BEAT)[-1:])

    with stage(tmp_path, task=FAST) as before:
        run = before.run(WAIT)
        await run.started()
        rotated = tmp_path / "..data"
        rotated.write_text("rotated\n")
        rotated.replace(evidence)
        await run.until(lambda: shown() == "Bearer rotated", "the rotated evidence")
        evidence.write_text("")
        await asyncio.sleep(0.5)
        evidence.unlink()
        await asyncio.sleep(0.5)
        evidence.write_text("third\n")
        await run.until(lambda: shown() == "Bearer third", "the third evidence")
        await asyncio.sleep(2 * LOOK_SECONDS)
        run.go()
        code, _, err = await run.ended()

    assert code == 0
    assert err.count("the file of your workload token cannot be read, or is empty") == 1
    assert err.count("the broker answers again") == 1


@pytest.mark.skipif(not CAN_MOUNT, reason="needs namespaces of users (unshare of util-linux)")
async def test_a_place_that_is_full_keeps_the_old_files_until_it_is_not(tmp_path: Path) -> None:
    """A tmpfs of 64 KiB, which the command fills itself."""
    small = tmp_path / "small"
    small.mkdir(mode=0o700)
    mount = f'mount -t tmpfs -o size=64k,mode=700 none {small} && XDG_RUNTIME_DIR={small} exec "$@"'
    fill = 'head -c 1M /dev/zero > "$BROKER_RUN_DIR/filler" 2> full; '
    look = 'until grep -q younger "$ORDERS_API_TOKEN_FILE"; do sleep 0.05; done'
    script = f'{fill}cat "$ORDERS_API_TOKEN_FILE" > old; {WAIT}rm "$BROKER_RUN_DIR/filler"; {look}'
    with stage(tmp_path, **soon(3)) as before:
        before.broker.forget(RENEW)
        before.broker.answer(RENEW, issued(generation=2, access_token="younger"))
        run = before.run(script, through=["unshare", "-Urm", "sh", "-c", mount, "sh"])
        await run.until(lambda: bool(before.broker.requests(RENEW)), "a renewal")
        await asyncio.sleep(1)
        run.go()
        code, _, err = await run.ended()

    assert (code, run.read("old")) == (0, answers.issued()["access_token"])
    assert "No space left on device" in run.read("full")
    assert err.count("the files of orders-api grow old") == 1
    assert err.count("are current again") == 1
