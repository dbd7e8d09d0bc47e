"""The TypeScript client as its users have it: built by its own command, used beside it."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PACKAGE: Final = Path(__file__).parents[2] / "config" / "typescript-client"
PROGRAMS: Final = Path(__file__).parent / "typescript"
PROGRAM_S: Final = 120

STRICT: Final = {
    "target": "ES2022",
    "lib": ["ES2023", "ESNext.Disposable"],
    "module": "NodeNext",
    "moduleResolution": "NodeNext",
    "types": ["node"],
    "rootDir": ".",
    "outDir": "made",
    "strict": True,
}


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a program; a negative code is the signal that it died of."""

    code: int
    out: str
    err: str


class Running:
    """A program that is under way."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def said(self) -> dict[str, Any]:
        """Return the next line that it prints."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PROGRAM_S):
            line = await self.process.stdout.readline()
        found: dict[str, Any] = json.loads(line or b'{"nothing": true}')
        return found

    async def until(self, kind: str) -> dict[str, Any]:
        """Return the next line of a type."""
        while (line := await self.said()).get("type") != kind:
            assert "nothing" not in line, "it has ended"
        return line

    async def ended(self) -> Ran:
        """Close what it reads, and wait until it is over."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        async with asyncio.timeout(PROGRAM_S):
            out, err = await self.process.communicate()
        return Ran(self.process.returncode or 0, out.decode(), err.decode())


@dataclass(frozen=True, slots=True)
class Workshop:
    """A folder with the built package, and a program's folder that has it as a dependency."""

    folder: Path
    parts: Path
    """The ``node_modules`` that are pinned."""

    @property
    def user(self) -> Path:
        """Where programs are."""
        return self.folder / "user"

    async def build(self, openapi: str) -> Ran:
        """Make the package with its own command, of a broker's document."""
        package = self.folder / "package"
        shutil.copytree(PACKAGE, package)
        (package / "node_modules").symlink_to(self.parts)
        built = await self._run("npm", "run", "build", cwd=package, BROKER_OPENAPI=openapi)
        modules = self.user / "node_modules"
        modules.mkdir(parents=True)
        (modules / "jit-broker-client").symlink_to(package)
        (modules / "@types").symlink_to(self.parts / "@types")
        (self.user / "package.json").write_text('{"private": true, "type": "module"}\n')
        return built

    async def compile(self, **programs: str) -> Ran:
        """Compile programs, each given as its text."""
        for name, text in programs.items():
            (self.user / f"{name}.ts").write_text(text, encoding="utf-8")
        options = {"compilerOptions": STRICT, "files": [f"{name}.ts" for name in programs]}
        (self.user / "tsconfig.json").write_text(json.dumps(options))
        tsc = str(self.parts / "typescript" / "bin" / "tsc")
        return await self._run("node", tsc, "--project", "tsconfig.json", cwd=self.user)

    @asynccontextmanager
    async def running(self, name: str, **variables: str) -> AsyncIterator[Running]:
        """Run a compiled program; it is killed if it is still there."""
        process = await self._start("node", f"made/{name}.js", cwd=self.user, variables=variables)
        try:
            yield Running(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def run(self, name: str, **variables: str) -> Ran:
        """Run a compiled program to its end."""
        async with self.running(name, **variables) as program:
            return await program.ended()

    async def _run(self, *argv: str, cwd: Path, **variables: str) -> Ran:
        return await Running(await self._start(*argv, cwd=cwd, variables=variables)).ended()

    @staticmethod
    async def _start(
        *argv: str, cwd: Path, variables: Mapping[str, str]
    ) -> asyncio.subprocess.Process:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env={**kept, **variables},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )


def texts() -> dict[str, str]:
    """Return the programs that lie beside the tests."""
    return {file.stem: file.read_text(encoding="utf-8") for file in PROGRAMS.glob("*.ts")}
