"""One command within one task: from the task's beginning to its end.

* Nothing is started before every credential is there, in the form that was asked for.
* The task ends on every way out: ``completed`` when the command ends with 0, ``cancelled`` when it
  was told to stop, else ``failed``. Who dies without a word (SIGKILL, power) leaves that to the
  task's idle timeout.
* The command has gone, and what it left behind, and the files, before the broker is told.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from broker.client.api import BrokerClient
from broker.client.awaiting import ApprovalAwaitedError, ensure_agreed
from broker.client.errors import ClientError, TaskLostError
from broker.client.held import HeldCredential
from broker.client.noticing import Noticing
from broker.client.results import Task
from broker.client.task_scope import TaskScope
from broker.clock import SystemClock
from broker.running.command import Command
from broker.running.desk import Desk
from broker.running.desk_verbs import DeskVerbs
from broker.running.errors import RunError
from broker.running.folder import RunFolder, Where
from broker.running.glancing import Glances
from broker.running.keeper import Holdings, Keeper
from broker.running.need import Need, within
from broker.running.proxying import Proxying
from broker.running.reporting import UseReporter
from broker.running.shapes.shape import Place
from broker.running.surroundings import of_the_run, one_of_each, surroundings
from broker.running.verbs_of_run import verbs_of_run
from broker.running.voice import Voice
from broker.running.watch import Watch
from broker.tools.words import Place as StandInPlace

_STOP_SIGNALS: Final = frozenset({128 + 1, 128 + 2, 128 + 3, 128 + 15})
"""How a command ends that the terminal or somebody else has told to stop, not by way of us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be run."""

    needs: Sequence[Need]
    command: Sequence[str]
    environment: Mapping[str, str]
    """The user's own, less what the run itself is called by."""
    ends_when_taken: bool = True
    """Whether the command is asked to end when a credential was taken away."""
    approval_seconds: float = 0
    """How long people may take to agree."""
    asks_for_needs_only: bool = False
    """Whether an agent in the command may ask for its needs alone, where the task may have more."""
    proxying: Proxying | None = None
    """The servers that the command reaches through a proxy; None: there is no proxy."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    """Its exit code, or 128 and the number of the signal."""
    was_stopped: bool
    was_taken: bool
    """Whether it was asked to end because a credential was taken away."""


class CommandFailedError(RunError):
    """The command ended with another code than 0. It says so in the audit trail."""

    remedy = "Look at what the command has printed."


class CommandStopped(BaseException):
    """The command was told to stop."""


class Run:
    """Runs one order within a scope. Good once."""

    def __init__(
        self, broker: BrokerClient, scope: TaskScope, order: Order, *, where: Where, voice: Voice
    ) -> None:
        self._broker = broker
        self._scope = scope
        self._order = order
        self._where = where
        self._voice = voice
        self._noticing: list[asyncio.Task[None]] = []
        self._glances = Glances(broker.credentials.show)
        self._was_taken = False
        self._reporter: UseReporter | None = None

    async def __call__(self, command: Command) -> Ended:
        """Run it.

        Raises:
            ClientError: nothing was started: a credential was refused, or the broker is not there.
        """
        ended: Ended | None = None
        try:
            async with self._scope:
                ended = await self._held(command)
                _raise_unless_well(ended)
        except (CommandFailedError, CommandStopped) as told:
            self._tell_notes(told)
        except ClientError as trouble:
            if ended is None:
                raise
            self._tell_end(trouble)
        return ended or Ended(0, was_stopped=False, was_taken=False)

    async def _held(self, command: Command) -> Ended:
        ceiling = self._scope.opened.ceiling
        needs = [within(need, ceiling) for need in self._order.needs]
        keepers = {need.name: await self._keeper(need) for need in needs}
        proxied = frozenset(need.name for need in self._order.needs if need.is_proxied)
        if self._order.proxying is not None:
            proxied |= self._order.proxying.needs
        async with self._reporting(), Desk(Holdings(keepers), proxied=proxied) as desk:
            with RunFolder(self._where.base) as folder:
                self._say_where(folder)
                place = Place(folder.path, desk.url, desk.token)
                async with self._through(keepers, place) as (environment, stand_ins):
                    task = self._scope.id
                    verbs = verbs_of_run(
                        self._broker,
                        task,
                        folder,
                        keepers,
                        stand_ins,
                        only_declared=self._order.asks_for_needs_only,
                    )
                    desk.offer(DeskVerbs(verbs))
                    return await self._started(
                        command, [*keepers.values()], folder, place, environment
                    )

    @contextlib.asynccontextmanager
    async def _reporting(self) -> AsyncIterator[None]:
        """Tell the broker of uses, the last of them when command and files have gone."""
        if self._order.proxying is None:
            yield
            return
        async with UseReporter(self._broker.tasks.say_uses, self._scope.id) as self._reporter:
            yield
        if untold := self._reporter.untold:
            self._voice.say(f"{untold} uses were not told to the broker: {self._reporter.trouble}")

    @contextlib.asynccontextmanager
    async def _through(
        self, keepers: Mapping[str, Keeper], place: Place
    ) -> AsyncIterator[tuple[Mapping[str, str], Mapping[str, StandInPlace] | None]]:
        """Stand between the command and its servers, if that is asked for.

        Yields the command's variables, and the stand-ins where it has them.
        """
        environment, proxying = self._order.environment, self._order.proxying
        if proxying is None:
            yield environment, None
            return
        deadline, reporter = _deadline(self._scope.opened), self._reporter
        async with proxying.opened(keepers, place, deadline, reporter) as opened:
            yield opened.through(environment), opened.places

    async def _started(
        self,
        command: Command,
        keepers: Sequence[Keeper],
        folder: RunFolder,
        place: Place,
        environment: Mapping[str, str],
    ) -> Ended:
        files = [{n: t.reveal() for n, t in keeper.files().items()} for keeper in keepers]
        one_of_each("file", files)
        for keeper in keepers:
            folder.write(keeper.files())
        fittings = [fitting for keeper in keepers for fitting in keeper.fit(place)]
        variables = surroundings(environment, fittings)
        variables |= of_the_run(place, self._scope.id)
        watch = Watch(
            self._scope,
            keepers,
            folder=folder,
            show=self._broker.tasks.show,
            voice=self._voice,
            on_taken=lambda: self._take(command),
        )
        async with _beside(watch, self._noticing):
            try:
                code = await command.run(self._order.command, variables)
            finally:
                await self._glances.stop()
        was_stopped = command.was_stopped or code in _STOP_SIGNALS
        return Ended(code, was_stopped, self._was_taken)

    def _take(self, command: Command) -> None:
        if self._order.ends_when_taken and not self._was_taken:
            self._was_taken = True
            self._voice.say("the command is asked to end")
            command.terminate()

    async def _keeper(self, need: Need) -> Keeper:
        try:
            show, glance = self._broker.credentials.show, self._glances.at
            return Keeper(need, await self._first(need), self._obtain, show, glance=glance)
        except ClientError as error:
            error.add_note(f"This was asked for as {need.name} ({need.capability}).")
            raise

    async def _first(self, need: Need) -> HeldCredential:
        try:
            return await self._obtain(need)
        except ApprovalAwaitedError as waits:
            seconds = self._order.approval_seconds
            if seconds <= 0:
                waits.add_note("Nobody has been waited for: --wait-for-approval 5m does.")
                raise
            self._voice.say(f"{need.name}: {waits}; waiting")
            approval = waits.approval.id
            ensure_agreed(await self._broker.approvals.wait(approval, within_seconds=seconds))
            # Asked for in the same words it is the same request, and has been agreed to.
            return await self._obtain(need)

    async def _obtain(self, need: Need) -> HeldCredential:
        held = await self._scope.credential(
            need.capability, scopes=need.scopes, ttl_seconds=need.ttl_seconds
        )
        if not held.current.target:  # of those at targets the scope takes notice itself
            noticing = Noticing(held, self._broker.credentials.show)
            self._noticing.append(asyncio.create_task(noticing.run()))
        return held

    def _say_where(self, folder: RunFolder) -> None:
        if not self._where.is_in_memory:
            self._voice.say(
                f"this machine has no folder in memory: credentials are in {folder.path}"
            )

    def _tell_notes(self, told: BaseException) -> None:
        for note in getattr(told, "__notes__", ()):
            if not self._was_taken:
                is_told = self._scope.report is not None
                self._voice.say(note if is_told else f"{note}: its idle timeout ends it")

    def _tell_end(self, trouble: ClientError) -> None:
        if isinstance(trouble, TaskLostError):
            if not self._was_taken:
                self._voice.say(str(trouble))
            return
        self._voice.say(
            f"the end of the task could not be told, and its idle timeout ends it: {trouble}"
        )


def _deadline(task: Task) -> datetime:
    """Return the task's deadline by our own clock, which may be minutes off the broker's.

    A task that was opened a while ago ends sooner than that.
    """
    now = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC)
    return now + (task.deadline - task.opened_at)


def _raise_unless_well(ended: Ended) -> None:
    """Let the scope see how it ended: that is what the task's end says."""
    if ended.was_stopped and not ended.was_taken:
        raise CommandStopped
    if ended.code:
        raise CommandFailedError(f"the command ended with {ended.code}")


@contextlib.asynccontextmanager
async def _beside(watch: Watch, others: list[asyncio.Task[None]]) -> AsyncIterator[None]:
    """Watch while the block lasts."""
    watching = asyncio.create_task(watch.run())
    try:
        yield
    finally:
        for each in (watching, *others):
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        with contextlib.suppress(asyncio.CancelledError):
            await watching  # a fault of the watch is not kept quiet
