"""Why a need cannot be served, and what a helper of the command meets."""

from broker.client.errors import ClientError


class RunError(ClientError):
    """The root of what :mod:`broker.running` raises on purpose."""

    remedy = "Look at what `broker run` has printed on standard error."


class UnknownNeedError(RunError):
    """The run has no need of this name."""

    remedy = "Name one of the run's own: broker run --need NAME=CAPABILITY."


class NeedIsProxiedError(RunError):
    """The need goes through a proxy: the command gets a stand-in, and nobody gets the secret."""

    remedy = "Send the request through the run's proxy, with the stand-in."


class NoCredentialNowError(RunError):
    """Nothing of this need is alive now. It may be again, if the broker gives another one."""

    remedy = "Try again shortly, or look at what `broker run` has printed on standard error."


class NotAnAwsNeedError(RunError):
    """What AWS's tools were sent for is no session of AWS."""

    remedy = "Name a need of the kind aws_sts."


class NotInARunError(RunError):
    """The environment names no run: BROKER_RUN_URL or BROKER_RUN_TOKEN is missing or none."""

    remedy = "Start it below `broker run … -- COMMAND`, and let its variables through."


class DeskUnreachableError(RunError):
    """No desk answers: its `broker run` has ended, or has not heard in time."""

    remedy = "Start it below a `broker run` that still runs."


class DeskRefusedError(RunError):
    """The desk knows another token, or nothing like this request."""

    remedy = "Let BROKER_RUN_URL and BROKER_RUN_TOKEN through as they were given to the command."


class VerbNotDoneError(RunError):
    """What an agent asked its run for was refused; the text is for the agent, and whole."""

    remedy = ""


class UnknownVerbError(RunError):
    """The desk does nothing that is called so."""

    remedy = "Name one of those in docs/run.md."


class UnreadableVerbError(RunError):
    """What an agent asked its run for cannot be read; the text names the member."""

    remedy = "Send JSON as docs/run.md says."


class DeskBusyError(RunError):
    """So much is being done for the command already that nothing else is begun."""

    remedy = "Wait for the others, then ask again."
