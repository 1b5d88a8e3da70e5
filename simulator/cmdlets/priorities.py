"""Rules stand in an order: a new or moved one shifts the others. The list is the order; Priority is the position."""

from simulator.failures import invalid
from simulator.rows import Row


def numbered(rows: list[Row]) -> list[Row]:
    return [row | {"Priority": position} for position, row in enumerate(rows)]


def moved(rows: list[Row], row: Row, priority: int | None) -> list[Row]:
    """The rules with *row* at *priority*; None: where it is.

    Raises:
        CmdletError: the position is outside the list.
    """
    if priority is None:
        return rows
    if not 0 <= priority < len(rows):
        raise invalid(f"The priority value '{priority}' isn't valid. It must be between 0 and {len(rows) - 1}.")
    others = [other for other in rows if other["Guid"] != row["Guid"]]
    return [*others[:priority], row, *others[priority:]]
