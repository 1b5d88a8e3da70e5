"""What others gave an object of ours: left as it is at first sight, and a finding for a person.

A field that is missing or off is no such value: putting it back takes nothing away that somebody has made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, Self

from domain.control import Comparison, Drift, listed
from domain.findings import Finding, Inventory, found
from domain.steps import Value

type Manner = Literal["switch", "choice"]
"""switch: a field that is off with any value but the documented one. choice: one whose False somebody has chosen."""

NO_MANNERS: Mapping[str, Manner] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SortedOut:
    """A comparison, taken apart.

    *seen*: what is put back, and what is equal. *going*: what a person has removed, and *removes* the ids of those
    findings. *kept*: by field, the findings whose values stay.
    """

    seen: Comparison
    going: Comparison
    removes: tuple[str, ...]
    kept: dict[str, Finding]

    def __add__(self, other: Self) -> Self:
        """Those of two comparisons of one object."""
        seen, going = self.seen + other.seen, self.going + other.going
        return replace(self, seen=seen, going=going, removes=self.removes + other.removes, kept=self.kept | other.kept)


def sort_out(
    control: str,
    name: str,
    seen: Comparison,
    inventory: Inventory,
    manners: Mapping[str, Manner] = NO_MANNERS,
) -> SortedOut:
    """Take *seen*, the fields of the object *name*, apart. *manners*: of fields that differ from all others."""
    findings = {
        each.field: _finding(control, name, each)
        for each in seen.drift
        if (manner := manners.get(each.field)) != "switch" and (manner == "choice" or _by_others(each) is not None)
    }
    going = {field: each for field, each in findings.items() if each.id in inventory.unwanted}
    kept = {field: each for field, each in findings.items() if inventory.answer(each) != "unwanted"}
    left = [_beside(each) if each.field in kept else each for each in seen.drift if each.field not in going]
    return SortedOut(
        Comparison(tuple(each for each in left if each and each.wanted != each.found), seen.equal),
        Comparison(tuple(each for each in seen.drift if each.field in going)),
        tuple(each.id for each in going.values()),
        kept,
    )


def _by_others(drift: Drift) -> Value:
    """What was found that nobody documented; None where something is only missing, or off."""
    if isinstance(drift.found, tuple):
        return listed(set(drift.found) - set(drift.wanted if isinstance(drift.wanted, tuple) else ())) or None
    return None if drift.found in {None, "", False} else drift.found


def _beside(drift: Drift) -> Drift | None:
    """What is still to be added to a list that keeps what others put there; None for a value, which stays whole."""
    if isinstance(drift.found, tuple) and isinstance(drift.wanted, tuple):
        return replace(drift, wanted=listed({*drift.found, *drift.wanted}))
    return None


def _finding(control: str, name: str, drift: Drift) -> Finding:
    value = drift.found if (others := _by_others(drift)) is None else others
    return found("term", control, name, f"{drift.field}: {_shown(value)}", f"documented is {_shown(drift.wanted)}")


def _shown(value: Value) -> str:
    return ", ".join(value) if isinstance(value, tuple) else "nothing" if value is None else str(value)
