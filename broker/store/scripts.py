"""The ledger's scripts. Each is one state change: atomic, idempotent, judged by one clock."""

from typing import Final

from broker.store.link import ENDING, READING, load_script

_CLOCK = "part_clock"
_JUDGE = "part_judge"
_OUTBOX = "part_outbox"
_CLOSE = "part_close"

TASK_OPEN: Final = load_script("task_open", _CLOCK, _JUDGE, _OUTBOX)
TASK_VIEW: Final = load_script("task_view", _CLOCK, _JUDGE, header=READING)
TASK_CLAIM: Final = load_script("task_claim", _CLOCK, _JUDGE, _OUTBOX)
TASK_BEAT: Final = load_script("task_beat", _CLOCK, _JUDGE)
TASK_EXTEND: Final = load_script("task_extend", _CLOCK, _JUDGE, _OUTBOX)
TASK_CLOSE: Final = load_script("task_close", _CLOCK, _OUTBOX, _CLOSE, header=ENDING)
TASK_SWEEP: Final = load_script("task_sweep", _CLOCK, _OUTBOX, _CLOSE, header=ENDING)
TASK_FORGET: Final = load_script("task_forget", header=ENDING)
LEASE_GRANT: Final = load_script("lease_grant", _CLOCK, _JUDGE, _OUTBOX)
LEASE_ACTIVATE: Final = load_script("lease_activate", _CLOCK, _JUDGE)
LEASE_RENEW: Final = load_script("lease_renew", _CLOCK, _JUDGE, _OUTBOX)
LEASE_PROLONGED: Final = load_script("lease_prolonged", _CLOCK, _JUDGE, header=ENDING)
LEASE_VIEW: Final = load_script("lease_view", _CLOCK, _JUDGE, header=READING)
LEASE_ALIVE: Final = load_script("lease_alive", _CLOCK, _JUDGE, header=READING)
LEASE_DEATH: Final = load_script("lease_death", _CLOCK, _OUTBOX, header=ENDING)
LEASE_END: Final = load_script("lease_end", _CLOCK, _OUTBOX, header=ENDING)
CUT_MAKE: Final = load_script("cut_make", _CLOCK, _OUTBOX, header=ENDING)
DUE_CLAIM: Final = load_script("due_claim", _CLOCK, header=ENDING)
DUE_SETTLE: Final = load_script("due_settle", header=ENDING)
QUOTA_TAKE: Final = load_script("quota_take")
QUOTA_UNTIL: Final = load_script("quota_until", header=ENDING)
QUOTA_GIVE: Final = load_script("quota_give", header=ENDING)
DECISION_NOTE: Final = load_script("decision_note", _CLOCK, _OUTBOX)
FLOOR_RAISE: Final = load_script("floor_raise", _CLOCK, _OUTBOX, header=ENDING)
CONTROL_CHANGE: Final = load_script("control_change", header=ENDING)
CONTROL_VIEW: Final = load_script("control_view", header=READING)
REPLICA_REPORT: Final = load_script("replica_report", header=ENDING)
REVOCATION_PUT: Final = load_script("revocation_put", _CLOCK, _OUTBOX, header=ENDING)
REVOCATION_NOTE: Final = load_script("revocation_note", header=ENDING)
REVOCATION_PLACE: Final = load_script("revocation_place", header=ENDING)
SELECTION_KEEP: Final = load_script("selection_keep", header=ENDING)
IDEM_BIND: Final = load_script("idem_bind")
IDEM_FORGET: Final = load_script("idem_forget", header=ENDING)
TASK_HANDLE: Final = load_script("task_handle", _CLOCK, _JUDGE, _OUTBOX)
EVIDENCE_USE: Final = load_script("evidence_use")
PROOF_USE: Final = load_script("proof_use")
DUE_ADD: Final = load_script("due_add", header=ENDING)
BAN_LIST: Final = load_script("ban_list", header=ENDING)
BAN_ENTER: Final = load_script("ban_enter", _CLOCK)
BAN_LEAVE: Final = load_script("ban_leave", header=ENDING)
BAN_ADD: Final = load_script("ban_add", _CLOCK, header=ENDING)
BAN_VIEW: Final = load_script("ban_view", _CLOCK, header=ENDING)
BAN_CLAIM: Final = load_script("ban_claim", _CLOCK, header=ENDING)
BAN_STANDS: Final = load_script("ban_stands", _CLOCK, header=ENDING)
BAN_CUT: Final = load_script("ban_cut", _CLOCK, header=ENDING)
BAN_SWEPT: Final = load_script("ban_swept", _CLOCK, header=ENDING)
BAN_ADOPT: Final = load_script("ban_adopt", _CLOCK, header=ENDING)
