"""The list of what has to be rotated: a secret that lay about stays known after it was removed."""

from collections.abc import Iterator, Sequence

from broker.scanning.finding import Finding
from broker.scanning.kinds import kind_named
from broker.scanning.proposing import Proposal
from broker.terminal import shown

_HEAD = """\
# Rotate

Each of these has lain where others could read it. In this order: do what is left to do; `broker
config check`, `broker apply`; let what used the secret ask the broker; **rotate the secret**; then
take it out of the file. Taking it out alone takes it from nobody who has a copy.
"""


def rotation_list(findings: Sequence[Finding], proposal: Proposal, left: Sequence[str] = ()) -> str:
    """Write the list as Markdown, kind by kind. No secret is in it."""
    kinds = dict.fromkeys(finding.kind for finding in findings)
    parts = [_HEAD, _proposed(proposal), *([_left(left)] if left else [])]
    parts += ["\n".join(_section(kind, findings)) for kind in kinds]
    return "\n".join(parts)


def _proposed(proposal: Proposal) -> str:
    names = ", ".join(each["name"] for each in proposal.capabilities) or "none"
    return f"Proposed: agent {proposal.agent['name']}; capabilities: {names}.\n"


def _left(left: Sequence[str]) -> str:
    lines = "\n".join(f"- [ ] {_plain(each)}" for each in left)
    return f"Left to do:\n\n{lines}\n"


def _section(kind: str, findings: Sequence[Finding]) -> Iterator[str]:
    found = kind_named(kind)
    yield f"## {found.title}"
    yield f"In its place: {found.instead}\n"
    yield f"To rotate it: {found.rotate}\n"
    for each in findings:
        if each.kind == kind:
            yield f"- [ ] {_item(each)}"
    yield ""


def _item(finding: Finding) -> str:
    place = f"{finding.path}:{finding.line}" if finding.line else finding.path
    commit = f" in commit {finding.commit[:12]}" if finding.commit else ""
    named = f", {finding.name}" if finding.name else ""
    user = f", of {finding.words['user']}" if finding.words.get("user") else ""
    owner = f"; ask {finding.origin.owner}" if finding.origin.owner else ""
    by = f"; replaced by {', '.join(finding.replaced_by)}" if finding.replaced_by else ""
    return _plain(f"{place}{commit}{named}{user}{owner}{by}")


def _plain(text: str) -> str:
    """Write text from elsewhere so that Markdown takes it as text."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>#|!" else char for char in shown(text))
