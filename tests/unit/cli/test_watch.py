"""What the watcher is told on its command line has to make sense."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from broker.cli.watch import watch

DOCS = Path(__file__).parents[3] / "docs" / "orchestrators.md"
BROKER = ["--broker", "https://broker.example", "--token-file", "token"]


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example",
        "ftp://api.example",
        "api.example",
        "http://localhost:1@api.example",
        "http://127.0.0.1:80@api.example",
        "https://api.example?x",
    ],
)
def test_the_api_server_is_reached_by_tls_or_on_this_machine(url: str) -> None:
    """Whoever could read it on the way would have the watcher's token."""
    ended = CliRunner().invoke(watch, ["kubernetes", *BROKER, "--api", url, "--namespace", "x"])

    assert (ended.exit_code, "--api" in ended.output) == (2, True)


@pytest.mark.parametrize("name", ["a/../b", "A", "-a", "a" * 64, "a b", "a?x"])
def test_a_namespace_is_a_name_and_no_path(name: str) -> None:
    """It becomes a part of the path that the API server is asked for."""
    ended = CliRunner().invoke(watch, ["kubernetes", *BROKER, "--namespace", name])

    assert (ended.exit_code, "--namespace" in ended.output) == (2, True)


def test_outside_of_a_cluster_the_namespace_has_to_be_said(tmp_path: Path) -> None:
    """None is mounted there."""
    mounted = ["--api-token-file", str(tmp_path / "token")]

    ended = CliRunner().invoke(watch, ["kubernetes", *BROKER, *mounted])

    assert (ended.exit_code, "--namespace" in ended.output) == (1, True)


def test_the_documented_role_lists_and_watches_jobs_and_nothing_else() -> None:
    """What the watcher may do in a cluster is no more than what it does."""
    (text,) = (each for each in DOCS.read_text().split("```yaml\n") if "kind: Role\n" in each)
    role, binding = yaml.safe_load_all(text.partition("```")[0])

    assert role["rules"] == [
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list", "watch"]}
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
