"""What a cmdlet is, and what most of them have in common: list, make, change and remove objects of one kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from simulator.cmdlets.binding import Change, Parameter
from simulator.failures import already_exists, invalid, not_found
from simulator.organization import Organization
from simulator.rows import Row, directory, matches

PAGE = 1000  # what a Get-* returns unless ResultSize says otherwise (docs/reference/exchange.md#paging)
MORE = (
    "There are more results available than are currently displayed. To view them, increase the value for the"
    " ResultSize parameter."
)


@dataclass(slots=True)
class Output:
    """What a cmdlet put out. `rows` None: it is one of those that return nothing."""

    rows: list[Row] | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a cmdlet: where, with what, and whether a person or an application runs it."""

    tenant: Organization
    given: dict[str, Any]
    by_person: bool

    def rows(self, kind: str) -> list[Row]:
        """What this caller sees: a person sees the truth, an application what has replicated."""
        return self.tenant.rows(kind) if self.by_person else self.tenant.seen(kind)


@dataclass(frozen=True, slots=True)
class Cmdlet:
    """A cmdlet's name, where it lives, what it takes and what it does."""

    name: str
    parameters: Mapping[str, Parameter]
    run: Callable[[Call], Output]
    service: Literal["exchange", "compliance"] = "exchange"

    @property
    def kind(self) -> str:
        return self.name.partition("-")[2]


def find(rows: list[Row], identity: str) -> Row:
    """The object of that name.

    Raises:
        CmdletError: there is none.
    """
    for row in rows:
        if matches(row, identity):
            return row
    raise not_found(identity)


def listing(call: Call, rows: list[Row]) -> Output:
    """The rows that `Identity` and `ResultSize` ask for."""
    identity = call.given.get("Identity")
    if identity:
        found = [row for row in rows if matches(row, identity)]
        if not found and call.tenant.switches.unknown_identity == "not_found":
            raise not_found(identity)
        rows = found or rows
    return _cut(rows, call.given.get("ResultSize"))


def _cut(rows: list[Row], result_size: object) -> Output:
    if str(result_size).casefold() == "unlimited":
        return Output(rows)
    size = int(str(result_size)) if str(result_size).isdecimal() else PAGE
    if len(rows) <= size:
        return Output(rows)
    return Output(rows[:size], [MORE])


def lister(kind: str) -> Callable[[Call], Output]:
    """A `Get-*` that shows every object of *kind*."""
    return lambda call: listing(call, [directory(row, call.tenant.initial_domain) for row in call.rows(kind)])


def maker(kind: str, defaults: Row) -> Callable[[Call], Output]:
    """A `New-*` that shows what it made."""
    return lambda call: Output([directory(insert(call, kind, defaults, call.given), call.tenant.initial_domain)])


def setter(kind: str) -> Callable[[Call], Output]:
    """A `Set-*` that takes every value that binds."""
    return lambda call: update(call, kind, find(call.tenant.rows(kind), call.given["Identity"]), call.given)


def switcher(kind: str, state: str) -> Callable[[Call], Output]:
    """An `Enable-*` or `Disable-*`."""
    return lambda call: update(call, kind, find(call.tenant.rows(kind), call.given["Identity"]), {"State": state})


def insert(call: Call, kind: str, defaults: Row, given: Row) -> Row:
    """Store a new object: defaults, then what was given.

    Raises:
        CmdletError: the name is taken.
    """
    rows = call.tenant.rows(kind)
    name = given["Name"]
    if any(matches(row, name) for row in rows):
        raise already_exists(name, call.tenant.switches.already_exists)
    now = call.tenant.now()
    row = {key: list(value) if isinstance(value, list) else value for key, value in defaults.items()}
    row |= {key: _resolved(value, []) for key, value in given.items()}
    row |= {"Guid": call.tenant.world.next_guid(), "WhenChanged": now, "WhenCreated": now}
    call.tenant.put(kind, [*rows, row])
    return row


def update(call: Call, kind: str, row: Row, given: Row) -> Output:
    """Change one object, or say that nothing changed.

    Raises:
        CmdletError: renamed to a name that is taken.
    """
    wanted = {key: _resolved(value, row.get(key)) for key, value in given.items() if key != "Identity"}
    changed = {key: value for key, value in wanted.items() if row.get(key) != value}
    if not changed:
        return Output(warnings=[_unmodified(row)])
    if "Name" in changed:
        _refuse_taken(call, kind, row, changed["Name"])
    replace(call, kind, row, row | changed | {"WhenChanged": call.tenant.now()})
    return Output()


def replace(call: Call, kind: str, old: Row, new: Row) -> None:
    """Put *new* in the place of *old*, which is found by GUID: untouched kinds are made afresh at every read."""
    call.tenant.put(kind, [new if row["Guid"] == old["Guid"] else row for row in call.tenant.rows(kind)])


def delete(call: Call, kind: str) -> Output:
    """Remove the object that `Identity` names."""
    rows = call.tenant.rows(kind)
    row = find(rows, call.given["Identity"])
    if row.get("IsDefault"):
        raise invalid(f"The default object '{row['Name']}' can't be removed.")
    call.tenant.put(kind, [other for other in rows if other is not row])
    return Output()


def _resolved(value: Any, current: Any) -> Any:  # noqa: ANN401 - a property's value
    return value.applied_to(current or []) if isinstance(value, Change) else value


def _refuse_taken(call: Call, kind: str, row: Row, name: str) -> None:
    others = [other for other in call.tenant.rows(kind) if other["Guid"] != row["Guid"]]
    if any(matches(other, name) for other in others):
        raise already_exists(name, call.tenant.switches.already_exists)


def _unmodified(row: Row) -> str:
    return f"The command completed successfully but no settings of '{row['Name']}' have been modified."
