"""git itself clones and pushes with what the helper gives it, and with nothing else."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.certificates import Authority
from tests.fakes.desk import FakeDesk
from tests.fakes.tool_servers import (
    GIT,
    ToolServer,
    git_answer,
    git_repository,
    run_git,
    serving,
)

pytestmark = pytest.mark.skipif(not GIT, reason="git is not there")

PASSWORD = "canary-token"


@pytest.fixture
def desk() -> Iterator[FakeDesk]:
    """A run's desk."""
    with FakeDesk() as desk:
        yield desk


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ToolServer]:
    """A server that has a repository for whoever shows the token."""
    root = git_repository(tmp_path).parent
    with serving(git_answer(root, PASSWORD)) as server:
        yield server


def helper(host: str, *options: str) -> list[str]:
    """Tell git of our helper, and of no other."""
    words = [sys.executable, "-m", "broker", "credential-helper", "git", "--need", "code"]
    line = shlex.join([*words, "--host", host, *options])
    return ["-c", "credential.helper=", "-c", f"credential.helper=!{line}"]


def test_git_clones_and_pushes_with_a_token(
    desk: FakeDesk, server: ToolServer, tmp_path: Path
) -> None:
    """The token is neither in its configuration nor in the remote's URL."""
    desk.gives("code")
    url, ours = f"http://{server.place}/a.git", helper(server.place)

    cloned = run_git(tmp_path, *ours, "clone", "-q", url, "cloned", **desk.environment)
    (tmp_path / "cloned" / "NEW").write_text("new\n")
    run_git(tmp_path / "cloned", "add", "NEW")
    run_git(tmp_path / "cloned", "commit", "-q", "-m", "two")
    pushed = run_git(tmp_path / "cloned", *ours, "push", "-q", "origin", "main", **desk.environment)

    bare = tmp_path / "repositories" / "a.git"
    log = run_git(bare, "log", "--format=%s", "main").stdout
    assert (cloned.returncode, cloned.stderr) == (0, "")
    assert (pushed.returncode, pushed.stderr) == (0, "")
    assert log.split() == ["two", "one"]
    assert PASSWORD not in (tmp_path / "cloned" / ".git" / "config").read_text()
    assert server.shown[0] == ""


def test_git_goes_over_tls_to_a_declared_host(desk: FakeDesk, tmp_path: Path) -> None:
    """With the port that is declared."""
    desk.gives("code", username="alice", password=PASSWORD)
    authority = Authority(tmp_path, "authority")
    root = git_repository(tmp_path).parent
    with serving(git_answer(root, PASSWORD), authority.server_context()) as server:
        trust = ["-c", f"http.sslCAInfo={authority.ca_file}"]
        url, ours = f"https://{server.place}/a.git", helper(server.place)
        cloned = run_git(tmp_path, *trust, *ours, "clone", "-q", url, "cloned", **desk.environment)

    assert (cloned.returncode, cloned.stderr) == (0, "")
    assert (tmp_path / "cloned" / "README").exists()


def test_an_undeclared_server_gets_nothing(
    desk: FakeDesk, server: ToolServer, tmp_path: Path
) -> None:
    """Git finds no login, and the desk was not even asked."""
    desk.gives("code")
    url = f"http://{server.place}/a.git"

    done = run_git(tmp_path, *helper("git.example"), "clone", url, "cloned", **desk.environment)

    assert done.returncode != 0
    assert not any(server.shown)
    assert desk.asked == []


def test_a_hostile_url_gets_nothing(desk: FakeDesk, server: ToolServer, tmp_path: Path) -> None:
    """A line break in it would be a line of the question (CVE-2020-5260), were it not refused."""
    desk.gives("code")
    url = f"http://{server.place}%0ahost=git.example/a.git"

    done = run_git(tmp_path, *helper("git.example"), "clone", url, "cloned", **desk.environment)

    assert done.returncode != 0
    assert desk.asked == []
    assert not any(server.shown)


def test_git_says_why_and_asks_nobody_else(
    desk: FakeDesk, server: ToolServer, tmp_path: Path
) -> None:
    """A task that was revoked: the helper's one line, and git's own that it was told to stop."""
    desk.answers["code"] = (410, {"detail": "the task has ended"})
    other = ["-c", "credential.helper=!echo username=other; echo password=other; #"]
    url = f"http://{server.place}/a.git"

    done = run_git(
        tmp_path, *helper(server.place), *other, "clone", url, "cloned", **desk.environment
    )

    assert done.returncode != 0
    assert "the task has ended" in done.stderr
    assert "told us to quit" in done.stderr
    assert not any(server.shown)


def test_a_token_that_the_server_refuses_is_not_stored(
    desk: FakeDesk, server: ToolServer, tmp_path: Path
) -> None:
    """Git tells the helper to erase it; the next attempt asks the desk anew."""
    desk.gives("code", token="wrong")
    url, ours = f"http://{server.place}/a.git", helper(server.place)

    refused = run_git(tmp_path, *ours, "clone", url, "one", **desk.environment)
    desk.gives("code", token=PASSWORD)
    cloned = run_git(tmp_path, *ours, "clone", "-q", url, "two", **desk.environment)

    assert refused.returncode != 0
    assert cloned.returncode == 0
    assert len(desk.asked) == 2
