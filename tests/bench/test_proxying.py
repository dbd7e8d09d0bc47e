import pytest

from tests.bench.proxying import main


def test_both_sides_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """Every request is answered on both, or there is no figure."""
    assert main(["--rounds", "1", "--requests", "3"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["requests/s", "MiB/s"]
    assert all(float(line.split()[-1]) > 0 for line in lines)
