"""Git repositories that tests make: honest ones, and ones whose configuration names programs."""

import os
import subprocess
from pathlib import Path
from typing import Final

WHO: Final = "Dev One <dev@acme.example>"

_ENVIRONMENT: Final = {
    "GIT_AUTHOR_NAME": "Dev One",
    "GIT_AUTHOR_EMAIL": "dev@acme.example",
    "GIT_COMMITTER_NAME": "Dev One",
    "GIT_COMMITTER_EMAIL": "dev@acme.example",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class GitRepository:
    """A repository with a work tree."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.run("init", "--quiet", "--initial-branch=main")

    def run(self, *words: str, at: str = "2026-01-02T03:04:05Z") -> str:
        """Run Git in it, at a stated time."""
        dates = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
        done = subprocess.run(  # noqa: S603 - Git, with a test's own words
            ["git", *words],  # noqa: S607 - the one that is installed
            cwd=self.folder,
            env=os.environ | _ENVIRONMENT | dates,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def write(self, name: str, text: str) -> Path:
        """Write a file."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def commit(self, message: str, at: str = "2026-01-02T03:04:05Z") -> str:
        """Commit everything, and return the commit."""
        self.run("add", "--all", "--force", at=at)
        self.run("commit", "--quiet", "--allow-empty", "--message", message, at=at)
        return self.run("rev-parse", "HEAD").strip()


def trapped(folder: Path) -> tuple[GitRepository, Path]:
    """Return a repository that names a program wherever it can, and the file that they write."""
    repository = GitRepository(folder / "hostile")
    repository.write("a.conf", "one\n")
    repository.write(".gitattributes", "* diff=evil filter=evil\n")
    repository.commit("one")
    repository.write("a.conf", "two\n")
    repository.commit("two")
    told = folder / "executed"
    program = folder / "program.sh"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {told}\ncat\n')
    program.chmod(0o755)
    for key in (
        *("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "core.askPass"),
        *("core.alternateRefsCommand", "core.gitProxy", "diff.external", "gpg.program"),
        *("diff.evil.textconv", "diff.evil.command", "filter.evil.clean", "filter.evil.smudge"),
        *("filter.evil.process", "credential.helper", "pager.log", "pager.blame", "pager.diff"),
        *("alias.log", "alias.blame", "uploadpack.packObjectsHook", "sequence.editor"),
    ):
        value = f"!{program}" if key.startswith(("alias.", "credential.")) else str(program)
        repository.run("config", key, value)
    repository.run("config", "log.showSignature", "true")
    repository.run("config", "core.hooksPath", str(folder / "hooks"))
    for hook in ("post-index-change", "reference-transaction", "post-checkout"):
        (folder / "hooks").mkdir(exist_ok=True)
        (folder / "hooks" / hook).write_text(program.read_text())
        (folder / "hooks" / hook).chmod(0o755)
    repository.run("config", "extensions.partialClone", "origin")
    repository.run("config", "remote.origin.promisor", "true")
    repository.run("config", "remote.origin.url", f"ext::{program} %S")
    repository.run("config", "protocol.ext.allow", "always")
    told.unlink(missing_ok=True)
    return repository, told
