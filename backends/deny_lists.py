"""The contract of kinds that take nothing back one by one, and keep a list of what they refuse.

Such a target mints credentials that nobody can call in, and refuses those that a document of its
own names: an inline policy of a role, a revocation list, a deny set of a gateway. The document is
written as a whole, so nobody may write it from memory::

    the ledger: who must stand there ─ read ─ write the whole of it ─ read back ─ compare

A backend that has such lists satisfies :class:`DenyLists` beside
:class:`~backends.contract.Backend`. The broker then never calls its ``revoke``: it keeps in the
ledger what must stand in each list and until when, sees to it that one broker at a time writes, and
calls a credential's end accepted only when the document, read back, names it.

- **Written by others**: whoever edits a document by hand, or writes an older one over a newer one,
  is found by the next look, and what must stand there is written again.
- **Names of more than it must**: what a document names and the ledger does not know is left out
  by the next write, if the document carries a mark of this ledger; of another's, or none, it is
  taken over into the ledger: the ledger may have been lost, and sessions that were refused must
  not come to life.
- **Full**: when a document would not fit, an issue-time cut-off takes the place of every entry: the
  target refuses whatever was issued before it. What lives and is hit by that has been ended in the
  ledger first.
"""

from typing import Protocol, runtime_checkable

import msgspec

from backends.contract import Deadline, Place


class Ban(msgspec.Struct, frozen=True, kw_only=True):
    """By what a credential is refused: in which list, and under which names.

    Names are letters, digits and ``. _ - : @ /`` and at most 256 long.
    """

    at: str
    """The list: a name that tells it from every other list of every target of its kind."""
    one: str
    """The entry that refuses this credential alone."""
    task: str
    """The entry that refuses every credential of its task at once, there and to come."""


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """What must stand in a list. Everything else must not."""

    entries: frozenset[str]
    issued_before_ms: int = 0
    """The target refuses whatever it issued before this instant of its own clock, which has whole
    seconds. 0: no cut-off."""
    mark: str
    """Letters and digits, at most 64: carried by the document, and read back with it."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing needs to stand there: the document may go."""
        return not self.entries and not self.issued_before_ms


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a list, by the target's own word."""

    entries: frozenset[str] = frozenset()
    issued_before_ms: int = 0
    mark: str = ""
    """Empty: there is no document, or it carries none."""
    is_whole: bool = True
    """False when something else stands there too, or part of it has no effect: write it anew."""
    room: int
    """What the entries of this list may weigh together, beside a cut-off."""
    target_now_ms: int = 0
    """The target's clock when it answered; 0: it did not say."""

    def is_as(self, desired: Desired) -> bool:
        """Tell whether exactly this stands there."""
        is_same = (
            self.entries == desired.entries and self.issued_before_ms == desired.issued_before_ms
        )
        return self.is_whole and is_same and (self.mark == desired.mark or desired.is_empty)


@runtime_checkable
class DenyLists(Protocol):
    """What a backend with lists can do besides. Called from several threads at once."""

    @property
    def longest_ms(self) -> int:
        """How long a session of this target lives at most, whatever was asked for."""
        ...

    def ban_of(self, place: Place) -> Ban:
        """Say by what a credential is refused. Asks nobody.

        Raises:
            OtherTargetError: it is none of this target's.
        """
        ...

    def stays_until_ms(self, minted_by_ms: int, expires_at_ms: int) -> int:
        """Return when the last session has died of age: the entry must stand so long.

        ``minted_by_ms``: when it was made, at the latest. Asks nobody.
        """
        ...

    def weight(self, entry: str) -> int:
        """Say how much of a list's room an entry takes."""
        ...

    def is_probed(self, place: Place) -> bool:
        """Tell whether ``probe`` finds out that this credential is refused. Asks nobody."""
        ...

    def publish(self, at: str, desired: Desired, deadline: Deadline) -> Standing:
        """Write a list as a whole, read it back, and return what stands there then.

        Called twice it writes the same twice. An answer that was lost is no error of its own: what
        is read back counts.

        Raises:
            BackendError: nobody knows what stands there.
        """
        ...

    def read(self, at: str, deadline: Deadline) -> Standing:
        """Read a list, changing nothing. That there is none is an answer.

        Raises:
            BackendError: nobody knows what stands there.
        """
        ...


class ListAt(msgspec.Struct, frozen=True, kw_only=True):
    """A list, and who the target is that has it: as in a place."""

    identity: str
    at: str


@runtime_checkable
class Foreseen(Protocol):
    """What a backend with lists can do besides: name them before anything ever stood in them.

    So lists are found that a lost ledger has left behind.
    """

    def list_of(self, template: msgspec.Struct, deadline: Deadline) -> ListAt:
        """Say by which list is refused what a capability of this template gives.

        Raises:
            BackendError: nobody knows.
        """
        ...
