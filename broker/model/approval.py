"""What has to be agreed to by people before something is given: a value, as policy says it."""

from typing import Final

import msgspec

MOST_VOICES: Final = 9
"""More people than this need not agree to one request."""

GOOD_MS: Final = 600_000
"""How long a yes may be used where policy does not say."""

MOST_GOOD_MS: Final = 86_400_000
"""However long policy says: who agreed yesterday may know better today."""


class Requirement(msgspec.Struct, frozen=True, omit_defaults=True, order=True):
    """So many different people (``count``), each in one of these teams, have to agree.

    With ``not_owner`` none of them may be the owner of an agent that has a part in it.
    """

    groups: tuple[str, ...]
    count: int = 1
    not_owner: bool = False

    def in_brief(self) -> str:
        """Say it in one line: ``2 of oncall or security, not the owner``."""
        besides = ", not the owner" if self.not_owner else ""
        return f"{self.count} of {' or '.join(self.groups)}{besides}"
