"""What a ticket is told of one tenant: which ledger entries open one, which settle it, and their words.

A cause is a control, or the tenant itself where an entry names none. Its key (`marks`) is stable: no date, count or
name is in it, so that a cause that lasts has one ticket (docs/reference/psa.md#one-ticket-a-cause).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from domain.control import Drift
from domain.ledger import Entry, LedgerEvent
from domain.moments import to_the_second
from domain.operations import ControlOutcome, Operation
from domain.psa.desk import ApprovalRules
from domain.psa.marks import Marks
from domain.shown import quoted, visible
from domain.states import ControlState
from domain.steps import ShownStep

TENANT = "tenant"
"""The cause of what is about no control: a message that could not be worked on."""

UNREADABLE = "unreadable"
"""The cause of what is about a whole tenant: nothing of its Exchange can be read for long."""

OPENING: frozenset[LedgerEvent] = frozenset(
    {"needs_person", "held", "awaiting_approval", "parked", "incident", "evidence_made"}
)
SETTLING: frozenset[LedgerEvent] = frozenset(
    {"corrected", "found_compliant", "not_applicable", "excepted", "incident_ended", "evidence_made"}
)
PASSING = frozenset({"brake", "freeze", "order", "lease", "tenant"})
"""Parts of the gate that a person has closed, or that open by themselves: no ticket is needed to know."""

LONGEST_HEADING = 90
LONGEST_TEXT = 12_000
LONGEST_PART = 4_000
"""Of one value or sentence: a record to be pasted must be whole, and takes up to a thousand characters a domain."""


def summary(cause: str, tenant_name: str, filter_name: str) -> str:
    what = _WHAT.get(cause, f"setting {cause} needs attention")
    return visible(f"{filter_name}: {what} ({tenant_name})")[:LONGEST_HEADING]


_WHAT = {TENANT: "mail settings need attention", UNREADABLE: "the tenant cannot be read"}


def first_text(filter_name: str) -> str:
    """A ticket's first text, which its customer may see."""
    guide = f"the guide of {visible(filter_name)[:LONGEST_HEADING]}"
    watched = f"Holdfast watches the mail settings of this tenant that {guide} documents."
    return f"{watched} What it found is in the internal notes."


ABOUT_SERVICE = "Holdfast tells its own operators of something that a person has to look at: see the internal notes."


def incident_summary(entry: Entry) -> str:
    """The title of a ticket about the service itself."""
    return visible(f"Holdfast: {entry.detail.partition(':')[0]}")[:LONGEST_HEADING]


def cause_of(entry: Entry) -> str:
    return entry.control or TENANT


def by_cause(entries: Iterable[Entry], known: Iterable[str]) -> dict[str, list[Entry]]:
    """The *entries* whose ids are not *known*, by cause, oldest first."""
    told, causes = set(known), defaultdict[str, list[Entry]](list)
    for entry in entries:
        if entry.id not in told:
            causes[cause_of(entry)].append(entry)
    return causes


def opens(entry: Entry) -> bool:
    """Whether a person should know of *entry* even where no ticket is open."""
    passing = entry.event == "held" and entry.detail.partition(":")[0] in PASSING
    return entry.event in OPENING and not passing


def settled(entries: Sequence[Entry]) -> bool:
    """Whether the cause is gone, by the last of *entries* (oldest first) that says either way."""
    said = [entry for entry in entries if entry.event in SETTLING or entry.event in OPENING]
    return bool(said) and said[-1].event in SETTLING


def note(entries: Sequence[Entry], state: ControlState, approval: ApprovalRules, marks: Marks) -> str:
    """The note for what happened since the last one, oldest first: every sentence also reads well on one line."""
    lines = [line for entry in entries for line in _lines(entry)]
    if state.actor and any(opens(entry) for entry in entries):
        lines.append(f"Changed by {quoted(str(state.actor))}.")
    if lists_plan(entries, state):
        lines += _plan(state, approval)
    return _joined(lines, marks.note(entry.id for entry in entries))


def lists_plan(entries: Sequence[Entry], state: ControlState) -> bool:
    """Whether the note for *entries* lists the plan that waits now: a person who said yes since need not be asked."""
    last = [entry.event for entry in entries if entry.event in {"awaiting_approval", "approved"}][-1:]
    return state.state == "awaiting_approval" and last == ["awaiting_approval"]


def result(operation: Operation, proofs: Sequence[Entry], marks: Marks) -> str:
    """What became of the work that a ticket asked for, with its steps and their proof."""
    lines = [f"The {operation.kind} that this ticket asked for has ended: {operation.state}."]
    by_control = {entry.control: entry for entry in proofs}
    for control in operation.controls:
        lines += _outcome(control, by_control.get(control.id))
    return _joined(lines, marks.note([operation.id]))


def _outcome(control: ControlOutcome, proof: Entry | None) -> list[str]:
    detail = f" ({_short(control.detail)})" if control.detail else ""
    lines = [f"{control.id or TENANT}: {control.state}{detail}."]
    if control.state not in {"compliant", "not_applicable"}:
        lines += _drift(control.drift)
    lines += _steps(control.steps)
    if proof:
        lines.append(f"Proven by reading again at {to_the_second(proof.at)}: {_proof(proof)}.")
    return lines


def sentence(entry: Entry) -> str:
    """When it happened and what, without values."""
    head = f"{to_the_second(entry.at)}: {_HEADS.get(entry.event, entry.event.replace('_', ' '))}"
    return f"{head}: {_short(entry.detail)}." if entry.detail else f"{head}."


def _lines(entry: Entry) -> list[str]:
    lines = [sentence(entry)]
    match entry.event:
        case "corrected":
            return [*lines, *_steps(entry.steps), f"Proof: {_proof(entry)}."]
        case "found_compliant" | "applying" | "approved":
            return lines
        case _:
            return [*lines, *_drift(entry.drift)]


_HEADS: dict[str, str] = {
    "drift_found": "drift found",
    "unreadable": "could not be read",
    "found_compliant": "found as documented",
    "needs_person": "a person is needed",
    "awaiting_approval": "waits for approval",
    "corrected": "put back, and proven by reading again",
    "applying": "is being put back",
    "parked": "a message could not be worked on",
    "incident_taken": "somebody has taken it over",
    "incident_ended": "is over",
}


def _plan(state: ControlState, approval: ApprovalRules) -> list[str]:
    """The exact steps, and how to say yes to them."""
    ways = [f"write an internal note with the first line: {word} {state.plan}" for word in approval.words]
    ways += [f"give this ticket status {status}" for status in approval.statuses]
    how = f"To approve exactly this plan, {' or '.join(ways)}." if ways else "It is approved over the HTTP API."
    return [f"Plan {state.plan}.", *_steps(state.steps), how]


def _drift(drift: Sequence[Drift]) -> list[str]:
    return [f"{_field(each.field)} is {_value(each.found)}, wanted {_value(each.wanted)}." for each in drift]


def _steps(steps: Sequence[ShownStep]) -> list[str]:
    # A change in DNS has lines of its own. A line break in a cmdlet is a value's, kept before those were seen.
    texts = [step.powershell if step.service == "dns" else visible(step.powershell) for step in steps]
    return [line for text in texts for line in f"Step: {text} ;".split("\n")]


def _proof(entry: Entry) -> str:
    return ", ".join(
        f"{_field(name)}: {_value(found)} is now {_value(entry.after.get(name))}"
        for name, found in entry.before.items()
    )


def _field(name: str) -> str:
    """A field's own name as it is; with an object in front in quotes, for whoever named that wrote part of the line."""
    return name if name.isidentifier() else quoted(name)


def _value(value: object) -> str:
    match value:
        case None | "":
            return "missing"
        case str():
            return quoted(value, LONGEST_PART)
        case list() | tuple():
            return quoted(", ".join(map(str, value)), LONGEST_PART)
        case _:
            return str(value)


def _short(text: str) -> str:
    text = text.strip().removesuffix(".")
    return text if len(text) <= LONGEST_PART else f"{text[:LONGEST_PART]}..."


def _joined(lines: Sequence[str], mark: str) -> str:
    text = "\n".join(map(visible, lines))
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]}\n... The ledger has all of it."
    return f"{text}\n{mark}"
