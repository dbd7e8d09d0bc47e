"""A run within a run: each has a task, a desk and a folder of its own."""

import signal
import sys
from pathlib import Path

from tests.fakes.run_command import NEED, WAIT
from tests.fakes.run_stage import stage

OURS = ("BROKER_URL", "BROKER_TOKEN_FILE", "BROKER_AGENT", "BROKER_TENANT")


async def test_a_run_within_a_run_is_another_and_hears_its_signals(tmp_path: Path) -> None:
    """The inner one needs evidence of its own: the outer one keeps its own to itself."""
    shown = 'echo "$BROKER_RUN_URL $BROKER_RUN_DIR $BROKER_RUN_TOKEN"'
    deepest = f"trap 'touch heard; exit 6' TERM; {shown} > inner; {WAIT}"
    line = [sys.executable, "-m", "broker", "run", "--task", "inner", *NEED, "--", "sh", "-c"]
    script = f'{shown} > outer; exec {" ".join(line)} "$DEEPEST"'
    keep = [word for name in OURS for word in ("--keep-env", name)]

    with stage(tmp_path) as before:
        run = before.run(script, *keep, through=["env", f"DEEPEST={deepest}"])
        await run.started()
        outer, inner = run.read("outer").split(), run.read("inner").split()
        folders = before.left()
        run.send(signal.SIGTERM)
        code, _, _ = await run.ended()

    assert code == 6
    assert len(set(outer) | set(inner)) == 6
    assert len(folders) == 2
    assert before.left() == []
    assert (run.folder / "heard").exists()
    assert before.ends() == {"cancel": 2}
