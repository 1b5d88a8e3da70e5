"""The undo of one ledger entry: its before-image as a plan, and how far the tenant shows it.

A set step is undone by the same fields with the values found before it, a created object by its removal, by the name
that it was created with.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from domain import dns_steps, normal
from domain.control import (
    Compliant,
    Drift,
    Drifted,
    Judgement,
    NeedsPerson,
)
from domain.controls import WRITINGS
from domain.controls.per_domain import ascii_of
from domain.corrections import is_unseen
from domain.exchange import DkimConfig, SpoofItem
from domain.facts import Facts
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
        return Step(service, cmdlet, _found(cmdlet, given, entry))
    if cmdlet in _SWITCHES:
        return Step(service, _SWITCHES[cmdlet], {"Identity": given["Identity"], "Confirm": False})
    if cmdlet in _MAKERS:
        named = _pair(given, facts) if "SpoofedUser" in given else {"Identity": given["Name"], "Confirm": False}
        return Step(service, _MAKERS[cmdlet], named)
    if removed := _REMOVERS.get(cmdlet):
        again = {name: _before(name, given, entry) for name in sorted(removed.made_again)}
        return Step(service, removed.new, {"Identity": given["Identity"], **again})
    raise CannotUndo(f"there is no opposite of {cmdlet}")


def _found(cmdlet: str, given: Mapping[str, Value], entry: Entry) -> dict[str, Value]:
    """The step's parameters, with what was found in the place of what was wanted."""
    values = {name: value for name, value in given.items() if name in {"Identity", "Ids"}}
    for name in given.keys() - _OBJECT:
        if name not in _FIELDS[cmdlet]:
            raise CannotUndo(f"the ledger has what {name} was as text only")
        values[name] = _before(name, given, entry)
    return values


def _before(name: str, given: Mapping[str, Value], entry: Entry) -> Value:
    """What the field *name* of the step's object was. Where a plan is about several, the object is in front of it."""
    fields = [each for each in entry.drift if each.field.rpartition(": ")[2] == name]
    of_object = [each for each in fields if each.field in {name, f"{given.get('Identity')}: {name}"}]
    values = {each.found for each in of_object or fields}
    if len(values) != 1:
        raise CannotUndo(f"the ledger does not say which {name} was whose")
    return values.pop()


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


def standing(entry: Entry, judgement: Judgement) -> Standing:
    """How the tenant compares with the entry: as before it, after it, between, or changed by another actor."""
    unseen = is_unseen({each.field for each in entry.drift}, judgement)
    if unseen or not isinstance(judgement, Compliant | Drifted | NeedsPerson):
        return "unknown"
    drift = () if isinstance(judgement, Compliant) else drift_view(judgement.drift)
    found = {each.field: each.found for each in drift}
    fields = {_field_standing(each, found, judgement.equal) for each in entry.drift}
    if "changed" in fields or not fields:
        return "changed"
    return fields.pop() if len(fields) == 1 else "between"


def _field_standing(drift: Drift, found: Mapping[str, Value], equal: frozenset[str]) -> Standing:
    """How one field stands that the entry found and wrote."""
    if drift.field in found:
        return "before" if found[drift.field] == drift.found else "changed"
    return "after" if drift.field in equal else "changed"
