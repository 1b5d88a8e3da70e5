"""The undo of one ledger entry: its before-image as a plan, and how far the tenant shows it.

A set step is undone by the same fields with the values found before it; of a list, the entries that it added are taken
out again and those that it took out are added. A created object is removed, while it is what was made. So an undo
changes nothing that its entry did not change; where somebody has changed that since, it is left to a person.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from domain import dns_steps, normal, written
from domain.control import (
    Compliant,
    Drift,
    Drifted,
    Judgement,
    NeedsPerson,
    listed,
)
from domain.controls import WRITINGS
from domain.controls.per_domain import ascii_of
from domain.corrections import is_unseen
from domain.exchange import DkimConfig, SpoofItem
from domain.facts import DoubtError, Facts
from domain.ledger import Entry
from domain.states import drift_view
from domain.steps import ShownStep, Step, Value


class CannotUndo(Exception):  # noqa: N818 - the outcome
    """The entry's before-image cannot be put back by a step; *str()* says why."""


_FIELDS = {writing.set: writing.restorable for writing in WRITINGS if writing.set}
"""Fields whose found value the ledger has in the service's form; of a rule's foreign conditions it has text only."""

_OBJECT = frozenset({"Identity", "Ids", "Comment", "Confirm"})
"""Parameters that name the object, or are no setting that is compared."""

_SWITCHES = {writing.enable: writing.disable for writing in WRITINGS if writing.enable} | {
    writing.disable: writing.enable for writing in WRITINGS if writing.disable
}
_MAKERS = {writing.new: writing.remove for writing in WRITINGS if writing.remove}
_REMOVERS = {writing.remove: writing for writing in WRITINGS if writing.made_again}


def plan(entry: Entry, facts: Facts) -> Drifted:
    """What puts the before-image of *entry* back, last step first.

    Raises:
        CannotUndo: Some part of it cannot be; nothing is done by halves.
    """
    if any(step.existed for step in entry.steps):
        raise CannotUndo("somebody had made the same in the same moment, so it may not be ours to take away")
    try:
        steps = list(dns_steps.undo_steps(entry))
    except ValueError as odd:
        raise CannotUndo(str(odd)) from None
    if why := needed(entry, facts):
        raise CannotUndo(why)
    steps += [_opposite(step, entry, facts) for step in reversed(entry.steps) if step.service != "dns"]
    drift = tuple(Drift(each.field, wanted=each.found, found=each.wanted) for each in entry.drift)
    if not steps or not drift:
        raise CannotUndo("the entry says of nothing that it was written")
    return Drifted(drift, tuple(steps))


def lasting(steps: Iterable[ShownStep]) -> str:
    """What of *steps* no undo could put back, a sentence; empty where each has its way back."""
    left = [
        step.cmdlet
        for step in steps
        if step.service != "dns"
        and step.cmdlet not in {*_SWITCHES, *_MAKERS, *_REMOVERS}
        and not (step.cmdlet in _FIELDS and step.parameters.keys() - _OBJECT <= _FIELDS[step.cmdlet])
    ]
    return f"cannot be put back by an undo: {', '.join(dict.fromkeys(left))}" if left else ""


def needed(entry: Entry, facts: Facts) -> str:
    """Why what *entry* published has to stay, empty where it may go: without its key, signed mail would be refused."""
    names = [str(step.parameters.get("Name")) for step in entry.steps if step.service == "dns"]
    domains = {name.partition("._domainkey.")[2] for name in names} - {""}
    if domains and (odd := "; ".join(each.sentence for each in facts.odd(DkimConfig))):
        return f"whether mail is signed with DKIM, and needs this record, is not known: {odd}"
    signed = {ascii_of(config.key) for config in facts.known(DkimConfig) if config.enabled}
    if used := ", ".join(sorted(domains & signed)):
        return f"mail of {used} is signed with DKIM and needs this record: switch signing off first"
    return ""


def _opposite(step: ShownStep, entry: Entry, facts: Facts) -> Step:
    service, cmdlet, given = step.service, step.cmdlet, step.parameters
    if cmdlet in _FIELDS:
        return Step(service, cmdlet, _found(step, entry, facts))
    if cmdlet in _SWITCHES:
        return Step(service, _SWITCHES[cmdlet], {"Identity": given["Identity"], "Confirm": False})
    if cmdlet in _MAKERS:
        named = _pair(given, facts) if "SpoofedUser" in given else {"Identity": given["Name"], "Confirm": False}
        return Step(service, _MAKERS[cmdlet], named)
    if removed := _REMOVERS.get(cmdlet):
        again = {name: _drift_of(name, given, entry).found for name in sorted(removed.made_again)}
        return Step(service, removed.new, {"Identity": given["Identity"], **again})
    raise CannotUndo(f"there is no opposite of {cmdlet}")


def _found(step: ShownStep, entry: Entry, facts: Facts) -> dict[str, Value]:
    """The step's parameters, with what was found in the place of what was wanted."""
    given, now = step.parameters, written.objects(step, facts)
    values = {name: value for name, value in given.items() if name in {"Identity", "Ids"}}
    for name in given.keys() - _OBJECT:
        if name not in _FIELDS[step.cmdlet]:
            raise CannotUndo(f"the ledger has what {name} was as text only")
        drift = _drift_of(name, given, entry)
        if not now:
            raise CannotUndo("what was written to is there no longer")
        values[name] = _before(drift, now[0].get(name))
    return values


def _before(drift: Drift, now: Value) -> Value:
    """What a field is to be that is *now*: of a list, its other entries stay."""
    if not isinstance(now, tuple):
        return drift.found
    found, wanted = written.entries(drift.found), written.entries(drift.wanted)
    return listed((set(now) | (found - wanted)) - (wanted - found))


def _drift_of(name: str, given: Mapping[str, Value], entry: Entry) -> Drift:
    """What the entry changed of the field *name* of the step's object. A plan about several has each in front of it."""
    fields = [each for each in entry.drift if each.field.rpartition(": ")[2] == name]
    of_object = [each for each in fields if each.field in {name, f"{given.get('Identity')}: {name}"}]
    values = {(each.found, each.wanted) for each in of_object or fields}
    if len(values) != 1:
        raise CannotUndo(f"the ledger does not say which {name} was whose")
    return (of_object or fields)[0]


def _pair(given: Mapping[str, Value], facts: Facts) -> dict[str, Value]:
    """The pair that was made, as the tenant lists it now."""
    wanted = (given["SpoofedUser"], normal.network(str(given["SendingInfrastructure"])), given["SpoofType"])
    ids = tuple(
        item.identity
        for item in facts.all(SpoofItem)
        if (item.spoofed_user, normal.network(item.sending_infrastructure), item.spoof_type) == wanted
    )
    if not ids:
        raise CannotUndo("the pair that was made is there no longer")
    return {"Identity": "Default", "Ids": ids, "Confirm": False}


type Standing = Literal["before", "after", "between", "changed", "unknown"]


def standing(entry: Entry, judgement: Judgement, facts: Facts) -> Standing:
    """How the tenant compares with the entry: as before it, after it, between, or changed by another actor."""
    unseen = is_unseen({each.field for each in entry.drift}, judgement)
    if unseen or not isinstance(judgement, Compliant | Drifted | NeedsPerson):
        return "unknown"
    try:
        fields = {_field_standing(each, entry, judgement, facts) for each in entry.drift}
    except DoubtError:
        return "unknown"
    if "changed" in fields or not fields:
        return "changed"
    return fields.pop() if len(fields) == 1 else "between"


def now(entry: Entry, facts: Facts) -> dict[str, Value]:
    """What the fields of an entry that was undone are: as it found them, lists with what else is in them.

    Raises:
        DoubtError: They were not read.
    """
    return {each.field: _shown(each, _writer(each, entry), facts) for each in entry.drift}


def _shown(drift: Drift, step: ShownStep | None, facts: Facts) -> Value:
    there = written.objects(step, facts) if step and step.cmdlet in _FIELDS else ()
    value = there[0].get(_name(drift)) if there else None
    return value if isinstance(value, tuple) else drift.found


def _field_standing(drift: Drift, entry: Entry, judgement: Compliant | Drifted | NeedsPerson, facts: Facts) -> Standing:
    """How one field stands that the entry found and wrote: by its object, or by the judgement where none is known."""
    step = _writer(drift, entry)
    if step is None:
        return _judged_standing(drift, judgement)
    there = written.objects(step, facts)
    if step.cmdlet in _MAKERS:
        return "before" if not there else "after" if written.is_as_made(step, facts) else "changed"
    name = _name(drift)
    if any(name not in each for each in there):
        return _judged_standing(drift, judgement)
    stands = {_value_standing(drift, each[name], facts) for each in there}
    return stands.pop() if len(stands) == 1 else "changed"


def _name(drift: Drift) -> str:
    return drift.field.rpartition(": ")[2]


def _writer(drift: Drift, entry: Entry) -> ShownStep | None:
    """The step of *entry* that wrote the field; None where several may have, and for what is no field of an object."""
    name = _name(drift)
    steps = [each for each in entry.steps if _writes(each, name)]
    names = [{name, f"{each.parameters.get('Identity') or each.parameters.get('Name')}: {name}"} for each in steps]
    of_object = [step for step, fields in zip(steps, names, strict=True) if drift.field in fields]
    return (of_object or steps)[0] if len(of_object or steps) == 1 else None


def _writes(step: ShownStep, name: str) -> bool:
    if step.cmdlet in _SWITCHES:
        return name == "State"
    made = step.cmdlet in _MAKERS and name == "Name"
    return name in step.parameters and (made or step.cmdlet in _FIELDS)


def _value_standing(drift: Drift, value: Value, facts: Facts) -> Standing:
    if isinstance(value, tuple):
        return "before" if set(written.entries(_before(drift, value))) == set(value) else "after"
    if written.is_same(_name(drift), value, drift.found, facts):
        return "before"
    return "after" if written.is_same(_name(drift), value, drift.wanted, facts) else "changed"


def _judged_standing(drift: Drift, judgement: Compliant | Drifted | NeedsPerson) -> Standing:
    found = {} if isinstance(judgement, Compliant) else {each.field: each.found for each in drift_view(judgement.drift)}
    if drift.field in found:
        return "before" if found[drift.field] == drift.found else "changed"
    return "after" if drift.field in judgement.equal else "changed"
