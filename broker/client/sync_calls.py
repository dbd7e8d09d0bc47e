"""The calls of the async client one by one, each waiting: which there are, and nothing else."""

from broker.client.approval_calls import ApprovalCalls
from broker.client.blocking import BlockingCalls, blocking, iterating
from broker.client.credential_calls import CredentialCalls
from broker.client.fact_calls import FactCalls
from broker.client.finding_calls import FindingCalls
from broker.client.glass_calls import GlassCalls
from broker.client.operator_calls import OperatorCalls
from broker.client.review_calls import ReviewCalls
from broker.client.session_calls import SessionCalls
from broker.client.signal_calls import SignalCalls
from broker.client.task_calls import TaskCalls


class SyncTaskCalls(BlockingCalls):
    """:class:`TaskCalls`, waiting."""

    open = blocking(TaskCalls.open)
    find = blocking(TaskCalls.find)
    all = iterating(TaskCalls.all)
    show = blocking(TaskCalls.show)
    tree = blocking(TaskCalls.tree)
    branches = iterating(TaskCalls.branches)
    claim = blocking(TaskCalls.claim)
    heartbeat = blocking(TaskCalls.heartbeat)
    say_uses = blocking(TaskCalls.say_uses)
    uses = blocking(TaskCalls.uses)
    extend = blocking(TaskCalls.extend)
    complete = blocking(TaskCalls.complete)
    fail = blocking(TaskCalls.fail)
    cancel = blocking(TaskCalls.cancel)
    freeze = blocking(TaskCalls.freeze)
    thaw = blocking(TaskCalls.thaw)
    report = blocking(TaskCalls.report)
    receipts = iterating(TaskCalls.receipts)
    wait = blocking(TaskCalls.wait)
    reach = blocking(TaskCalls.reach)


class SyncCredentialCalls(BlockingCalls):
    """:class:`CredentialCalls`, waiting."""

    issue = blocking(CredentialCalls.issue)
    find = blocking(CredentialCalls.find)
    all = iterating(CredentialCalls.all)
    show = blocking(CredentialCalls.show)
    renew = blocking(CredentialCalls.renew)
    give_back = blocking(CredentialCalls.give_back)
    reach = blocking(CredentialCalls.reach)


class SyncOperatorCalls(BlockingCalls):
    """:class:`OperatorCalls`, waiting."""

    revoke = blocking(OperatorCalls.revoke)
    revocation = blocking(OperatorCalls.revocation)
    revocations = blocking(OperatorCalls.revocations)
    all_revocations = iterating(OperatorCalls.all_revocations)
    revocation_report = blocking(OperatorCalls.revocation_report)
    receipts = iterating(OperatorCalls.receipts)
    wait = blocking(OperatorCalls.wait)
    select = blocking(OperatorCalls.select)
    selection = blocking(OperatorCalls.selection)
    selected = blocking(OperatorCalls.selected)
    reach = blocking(OperatorCalls.reach)
    cuts = blocking(OperatorCalls.cuts)
    agents = blocking(OperatorCalls.agents)
    all_agents = iterating(OperatorCalls.all_agents)
    agent = blocking(OperatorCalls.agent)
    explain = blocking(OperatorCalls.explain)
    explain_credential = blocking(OperatorCalls.explain_credential)
    shadow_report = blocking(OperatorCalls.shadow_report)
    suppose = blocking(OperatorCalls.suppose)


class SyncReviewCalls(BlockingCalls):
    """:class:`ReviewCalls`, waiting."""

    find = blocking(ReviewCalls.find)
    show = blocking(ReviewCalls.show)
    agents = blocking(ReviewCalls.agents)
    all_agents = iterating(ReviewCalls.all_agents)
    answer = blocking(ReviewCalls.answer)


class SyncSessionCalls(BlockingCalls):
    """:class:`SessionCalls`, waiting."""

    end = blocking(SessionCalls.end)


class SyncFactCalls(BlockingCalls):
    """:class:`FactCalls`, waiting."""

    things = blocking(FactCalls.things)
    all_things = iterating(FactCalls.all_things)
    thing = blocking(FactCalls.thing)
    relationships = blocking(FactCalls.relationships)
    change = blocking(FactCalls.change)
    reach = blocking(FactCalls.reach)
    history = blocking(FactCalls.history)
    revision = blocking(FactCalls.revision)
    roll_back = blocking(FactCalls.roll_back)


class SyncApprovalCalls(BlockingCalls):
    """:class:`ApprovalCalls`, waiting."""

    find = blocking(ApprovalCalls.find)
    all = iterating(ApprovalCalls.all)
    show = blocking(ApprovalCalls.show)
    approve = blocking(ApprovalCalls.approve)
    deny = blocking(ApprovalCalls.deny)
    answer = blocking(ApprovalCalls.answer)
    look = blocking(ApprovalCalls.look)
    wait = blocking(ApprovalCalls.wait)
    redeem = blocking(ApprovalCalls.redeem)


class SyncFindingCalls(BlockingCalls):
    """:class:`FindingCalls`, waiting."""

    find = blocking(FindingCalls.find)
    all = iterating(FindingCalls.all)
    show = blocking(FindingCalls.show)
    acknowledge = blocking(FindingCalls.acknowledge)


class SyncSignalCalls(BlockingCalls):
    """:class:`SignalCalls`, waiting."""

    send = blocking(SignalCalls.send)


class SyncGlassCalls(BlockingCalls):
    """:class:`GlassCalls`, waiting."""

    ask = blocking(GlassCalls.ask)
    confirm = blocking(GlassCalls.confirm)
    find = blocking(GlassCalls.find)
    all = iterating(GlassCalls.all)
    show = blocking(GlassCalls.show)
    fetch = blocking(GlassCalls.fetch)
    end = blocking(GlassCalls.end)
    review = blocking(GlassCalls.review)
