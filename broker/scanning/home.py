"""Where the programs of a user keep their secrets: agents, shells, clouds, registries."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PLACES: Final = (
    # agents and clients of MCP
    ".claude.json",
    ".claude/settings*.json",
    ".config/Claude/claude_desktop_config.json",
    "Library/Application Support/Claude/claude_desktop_config.json",
    "AppData/Roaming/Claude/claude_desktop_config.json",
    ".cursor/mcp.json",
    ".vscode/mcp.json",
    ".config/Code/User/*.json",
    "Library/Application Support/Code/User/*.json",
    ".config/Code/User/globalStorage/*/settings/*.json",
    ".codeium/windsurf/mcp_config.json",
    ".codex/config.toml",
    ".codex/auth.json",
    ".gemini/settings.json",
    ".continue/config.*",
    ".config/zed/settings.json",
    ".config/goose/config.yaml",
    ".aws/amazonq/mcp.json",
    ".kiro/settings/mcp.json",
    ".aider.conf.yml",
    # shells and clients that remember what was typed
    ".*_history",
    ".local/share/fish/fish_history",
    ".bashrc",
    ".zshrc",
    ".profile",
    ".bash_profile",
    ".zprofile",
    ".zshenv",
    ".envrc",
    ".env",
    # what they log in with
    ".aws/credentials",
    ".aws/config",
    ".azure/*.json",
    ".config/gcloud/application_default_credentials.json",
    ".config/gh/hosts.yml",
    ".docker/config.json",
    ".kube/config",
    ".git-credentials",
    ".gitconfig",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".config/pip/pip.conf",
    ".cargo/credentials*",
    ".gem/credentials",
    ".pgpass",
    ".my.cnf",
    ".s3cfg",
    ".config/rclone/rclone.conf",
    ".vault-token",
    ".ssh/id_*",
)


def of_home(home: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files that are there, and how they are called. Links are followed: its own."""
    seen: set[str] = set()
    for place in PLACES:
        for file in sorted(home.glob(place)):
            real = os.path.realpath(file)  # of a loop of links it makes something, and no error
            if os.path.isfile(real) and real not in seen:  # noqa: PTH113 - it never raises
                seen.add(real)
                yield Path(real), f"~/{file.relative_to(home)}"
