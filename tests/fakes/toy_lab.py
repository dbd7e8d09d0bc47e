"""A toy target that the contract's test kit can try a backend on."""

import contextlib
from collections.abc import Callable, Iterator, Mapping

from backends.contract import Wish
from tests.fakes.toy_kind import EPOCH, Opened, ToyBackend, ToyOptions, ToyTemplate, enter
from tests.fakes.toy_target import ToyTarget

Make = Callable[[ToyOptions], ToyBackend]


class ToyLab:
    """A toy target, and a backend on it."""

    def __init__(self, target: ToyTarget, make: Make) -> None:
        self._target = target
        self.backend = make(ToyOptions(port=target.port))

    def wish(self, number: int) -> Wish:
        """Ask for anything."""
        return Wish(
            lease=f"l_00_{number}",
            task="t_00_a",
            tenant="acme",
            agent="bot",
            capability="toys",
            on_behalf_of="",
            scopes=("play",),
            template=ToyTemplate(),
        )

    def is_let_in(self, words: Mapping[str, str]) -> bool:
        """Enter."""
        return enter(self._target, words) is not None

    def enter(self, words: Mapping[str, str]) -> Opened | None:
        """Enter and stay."""
        return enter(self._target, words)

    epoch = EPOCH

    def other_ledger(self) -> ToyBackend:
        """Work for somebody else."""
        return ToyBackend(self.backend.options, epoch=lambda: "another-epoch")

    def stranger(self) -> str:
        """Put somebody there who has nothing to do with it."""
        self._target.plant("reporting")
        return "reporting"

    @contextlib.contextmanager
    def losing_replies(self) -> Iterator[None]:
        """Lose what the target answers."""
        self._target.is_losing = True
        try:
            yield
        finally:
            self._target.is_losing = False
