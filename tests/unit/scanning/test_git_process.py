import os
from pathlib import Path

import pytest

from broker.scanning.engine import KingfisherEngine
from broker.scanning.finding import Finding
from broker.scanning.git_blobs import blobs
from broker.scanning.git_history import versions
from broker.scanning.git_process import GitFailedError, repository
from broker.scanning.scan import Order, Scan
from tests.fakes import pretend_secrets as pretend
from tests.fakes.git_repository import WHO, GitRepository, trapped


@pytest.fixture
def made(tmp_path: Path) -> GitRepository:
    """An honest, empty repository."""
    return GitRepository(tmp_path / "project")


def scanned(folder: Path, engine: KingfisherEngine, *, history: bool = True) -> list[Finding]:
    """Look through a repository; nothing must have stayed unread."""
    scan = Scan(engine, Order(roots=(folder,), with_history=history))
    found = list(scan.findings())
    assert list(scan.coverage.told()) == []
    return found


def test_the_trap_works(tmp_path: Path) -> None:
    """Plain Git runs what the hostile repository names: else the next test would show nothing."""
    hostile, told = trapped(tmp_path)

    hostile.run("status")
    hostile.run("log", "-p", "--show-signature")
    hostile.run("diff", "HEAD~1")

    assert told.exists()


def test_a_hostile_repository_has_nothing_run(tmp_path: Path, engine: KingfisherEngine) -> None:
    """Not its monitor, hooks, pagers, converters, filters, transports nor signature programs."""
    hostile, told = trapped(tmp_path)
    hostile.write("a.conf", f'db_password = "{pretend.password("hostile")}"\n')
    hostile.run("update-ref", "refs/heads/other", "HEAD~1")
    told.unlink(missing_ok=True)

    found = scanned(hostile.folder, engine)

    assert [each.kind for each in found] == ["password"]
    assert not told.exists()


def test_an_object_that_is_missing_is_told_and_not_fetched(
    tmp_path: Path, engine: KingfisherEngine
) -> None:
    """A partial clone's transport is a program of its owner's choice."""
    hostile, told = trapped(tmp_path)
    blob = hostile.run("rev-parse", "HEAD~1:a.conf").strip()
    (hostile.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    told.unlink(missing_ok=True)

    scan = Scan(engine, Order(roots=(hostile.folder,), with_history=True))
    list(scan.findings())

    assert [trouble.why for trouble in scan.coverage.troubles] == ["an object of it is missing"]
    assert not told.exists()


def test_a_line_has_the_age_and_author_of_the_commit_that_wrote_it(
    made: GitRepository, engine: KingfisherEngine
) -> None:
    """Not those of the last commit that touched the file."""
    line = f"DB_PASSWORD={pretend.password('aged')}\n"
    first = made.write(".env", line)
    made.commit("one", at="2024-03-01T00:00:00Z")
    first.write_text(f"# a comment\n{line}")
    made.commit("two", at="2026-03-01T00:00:00Z")

    (found,) = scanned(made.folder, engine)

    assert found.line == 2
    assert (found.origin.since_s, found.origin.since_by) == (1_709_251_200, "commit")
    assert (found.origin.owner, found.origin.owner_by) == (WHO, "commit")


def test_a_line_that_moved_since_the_commit_is_still_its_authors(
    made: GitRepository, engine: KingfisherEngine
) -> None:
    """The work tree is compared by text, without letting Git look at it."""
    line = f"DB_PASSWORD={pretend.password('moved')}\n"
    made.write(".env", line)
    made.commit("one")
    made.write(".env", f"A=1\nB=2\n{line}")

    (found,) = scanned(made.folder, engine)

    assert (found.line, found.origin.owner) == (3, WHO)


def test_what_nobody_committed_has_the_files_age_and_owner(
    made: GitRepository, engine: KingfisherEngine
) -> None:
    """Ignored files are where secrets lie, so they are read as any other."""
    made.write(".gitignore", ".env\n")
    file = made.write(".env", f"DB_PASSWORD={pretend.password('loose')}\n")
    os.utime(file, (1_600_000_000, 1_600_000_000))

    (found,) = scanned(made.folder, engine)

    assert (found.origin.since_s, found.origin.since_by) == (1_600_000_000, "file")
    assert found.origin.owner_by == "file"


def test_codeowners_answer_before_the_author(made: GitRepository, engine: KingfisherEngine) -> None:
    """He may have left long ago; the age stays the commit's."""
    made.write(".github/CODEOWNERS", "* @everybody\n/deploy/ @platform  # theirs\n")
    made.write("deploy/prod.env", f"DB_PASSWORD={pretend.password('owned')}\n")
    made.commit("one")

    (found,) = scanned(made.folder, engine)

    assert (found.origin.owner, found.origin.owner_by) == ("@platform", "CODEOWNERS")
    assert found.origin.since_by == "commit"


def test_history_tells_what_was_removed_and_which_commit_brought_it(
    made: GitRepository, engine: KingfisherEngine
) -> None:
    """Deleting it took it from nobody who has cloned."""
    made.write(".env", f"DB_PASSWORD={pretend.password('past')}\n")
    brought = made.commit("one", at="2025-01-01T00:00:00Z")
    (made.folder / ".env").unlink()
    made.commit("two")

    (found,) = scanned(made.folder, engine)

    assert (found.path, found.line, found.commit) == (".env", 1, brought)
    assert (found.origin.since_s, found.origin.owner) == (1_735_689_600, WHO)
    assert scanned(made.folder, engine, history=False) == []


def test_what_is_still_there_is_told_once(made: GitRepository, engine: KingfisherEngine) -> None:
    """With its file, not again for each version that had it."""
    line = f"DB_PASSWORD={pretend.password('still')}\n"
    for number in range(3):
        made.write(".env", f"A={number}\n{line}")
        made.commit(str(number))

    (found,) = scanned(made.folder, engine)

    assert found.commit == ""


def test_other_branches_tags_and_the_stash_are_history(
    made: GitRepository, engine: KingfisherEngine
) -> None:
    """Whatever a ref reaches is pushed and cloned with it."""
    made.write("a", "1\n")
    made.commit("one")
    made.run("checkout", "--quiet", "-b", "side")
    made.write("side.env", f"DB_PASSWORD={pretend.password('side')}\n")
    made.commit("side")
    made.run("checkout", "--quiet", "main")
    made.write("a.conf", f'password = "{pretend.password("stash")}"\n')
    made.run("add", "--all")
    made.run("stash")

    assert sorted(each.path for each in scanned(made.folder, engine)) == ["a.conf", "side.env"]


def test_an_evil_merge_is_read(made: GitRepository, engine: KingfisherEngine) -> None:
    """What only the merge itself brought is in no parent."""
    made.write("a", "1\n")
    made.commit("one")
    made.run("checkout", "--quiet", "-b", "side")
    made.write("b", "1\n")
    made.commit("side")
    made.run("checkout", "--quiet", "main")
    made.run("merge", "--quiet", "--no-ff", "--no-commit", "side")
    made.write(".env", f"DB_PASSWORD={pretend.password('evil')}\n")
    made.commit("merge")
    (made.folder / ".env").unlink()
    made.commit("gone")

    assert [each.path for each in scanned(made.folder, engine)] == [".env"]


def test_a_folder_within_a_repository_has_only_its_own_history(
    made: GitRepository, engine: KingfisherEngine
) -> None:
    """And its files are called as in the tree, so that what is there is not told twice."""
    for name in ("in/.env", "out/.env"):
        made.write(name, f"DB_PASSWORD={pretend.password(name)}\n")
    made.commit("one")

    assert [(each.path, each.commit) for each in scanned(made.folder / "in", engine)] == [
        (".env", "")
    ]


@pytest.mark.parametrize(
    "name", ['we"ird\n\t.env', "ü\x1b[31m.env", ":0:.env", "\x02x.env", "-p.env"]
)
def test_hostile_names_are_read_as_any_other(
    name: str, made: GitRepository, engine: KingfisherEngine
) -> None:
    """They end no parsing and become no option."""
    made.write(name, f"DB_PASSWORD={pretend.password('named')}\n")
    made.commit("one")
    (made.folder / name).unlink()
    made.commit("two")

    assert [each.path for each in scanned(made.folder, engine)] == [name]


def test_a_shallow_clone_is_read_as_far_as_it_reaches(
    made: GitRepository, engine: KingfisherEngine, tmp_path: Path
) -> None:
    """CI makes those: what is cut off is no damage."""
    for number in range(3):
        made.write(".env", f"DB_PASSWORD={pretend.password(str(number))}\n")
        made.commit(str(number))
    clone = tmp_path / "clone"
    made.run("clone", "--quiet", "--depth=1", f"file://{made.folder}", str(clone))

    assert len(scanned(clone, engine)) == 1


def test_a_repository_of_sha256_is_read(tmp_path: Path, engine: KingfisherEngine) -> None:
    """Its ids are longer."""
    made = GitRepository.__new__(GitRepository)
    made.folder = tmp_path
    made.run("init", "--quiet", "--object-format=sha256")
    made.write(".env", f"DB_PASSWORD={pretend.password('long')}\n")
    made.commit("one")
    (tmp_path / ".env").unlink()

    (found,) = scanned(tmp_path, engine)

    assert len(found.commit) == 64


def test_a_damaged_repository_makes_the_scan_partial(
    made: GitRepository, engine: KingfisherEngine
) -> None:
    """What can be read is read."""
    made.write(".env", f"DB_PASSWORD={pretend.password('broken')}\n")
    commit = made.commit("one")
    (made.folder / ".git" / "objects" / commit[:2] / commit[2:]).unlink()

    scan = Scan(engine, Order(roots=(made.folder,), with_history=True))
    found = list(scan.findings())

    assert [each.path for each in found] == [".env"]
    assert not scan.coverage.is_whole


def test_an_empty_repository_has_no_history(made: GitRepository, engine: KingfisherEngine) -> None:
    """Nothing has been committed, and nothing is wrong."""
    assert scanned(made.folder, engine) == []


def test_without_git_files_are_read_and_it_is_told(
    made: GitRepository, engine: KingfisherEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose they are nobody can say then."""
    made.write(".env", f"DB_PASSWORD={pretend.password('none')}\n")
    monkeypatch.setenv("PATH", "/nowhere")

    scan = Scan(engine, Order(roots=(made.folder,)))

    assert [each.origin.owner_by for each in scan.findings()] == ["file"]
    assert [trouble.why for trouble in scan.coverage.troubles] == ["git is not installed"]


def test_a_child_that_dies_is_an_error_and_no_silence(made: GitRepository) -> None:
    """Whoever asks for the next object hears of it."""
    made.write("a", "1\n")
    commit = made.commit("one")

    with repository(str(made.folder)) as found:
        assert found is not None
        with blobs(found) as source:
            source._asking.close()  # noqa: SLF001 - as if it had died
            with pytest.raises((GitFailedError, ValueError)), source.opened(commit.encode()):
                pass


def children() -> set[str]:
    """Return our children, of which other tests have left servers."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_no_child_outlives_a_history_that_nobody_reads_to_its_end(made: GitRepository) -> None:
    """Ctrl-C in the middle leaves nothing behind."""
    for number in range(5):
        made.write(f"{number}", f"{number}\n")
        made.commit(str(number))

    before = children()
    with repository(str(made.folder)) as found:
        assert found is not None
        walk = versions(found)
        next(walk)
        walk.close()  # type: ignore[attr-defined]  # a generator

    assert children() <= before
