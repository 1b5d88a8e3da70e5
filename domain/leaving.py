"""What a tenant that leaves gets back: what Holdfast switched off or made and only makes sense behind the filter.

DNS records stay: whoever sends mail for the domain then has to be in them, which only its admin knows.
"""

from collections.abc import Sequence

from domain.ledger import Entry

LEFT_BEHIND = ("spoof-intelligence", "alert-policies", "spoof-allow", "oof-rule", "oof-connector")
"""In the order in which they are put back: first what watches, then what believes the filter, then its way out."""


def to_put_back(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Of a tenant's `corrected` and `undone` *entries*, oldest first: those whose undo gives it back as it was found.

    Of each field the first correction counts; what was put back since only kept it so.
    """
    undone = {each.of for each in entries if each.event == "undone"}
    return tuple(
        entry for control in LEFT_BEHIND for entry in reversed(_first(entries, control)) if entry.id not in undone
    )


def _first(entries: Sequence[Entry], control: str) -> list[Entry]:
    """The corrections of *control* that were the first to write one of its fields."""
    seen, first = set[str](), list[Entry]()
    for entry in entries:
        fields = {each.field for each in entry.drift}
        if entry.control == control and entry.event == "corrected" and fields - seen:
            first.append(entry)
            seen |= fields
    return first
