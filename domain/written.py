"""What a step of the ledger has written, as the tenant lists it now: an undo compares with that, and with nothing else.

What is wanted today may be something else: another version of the profile, or a finding that a person has declared.
"""

from collections.abc import Iterator, Mapping

from domain import normal
from domain.control import listed
from domain.controls import KINDS, oof_connector
from domain.exchange import ExchangeObject, OutboundConnector, TransportRule, Writing
from domain.facts import Facts
from domain.reading import Row
from domain.steps import ShownStep, Value

_WRITTEN_BY: Mapping[str, tuple[type[ExchangeObject], Writing]] = {
    cmdlet: (kind, kind.writing) for kind in KINDS if kind.writing for cmdlet in kind.writing.cmdlets
}
_NAMES = ("Identity", "Name", "Guid", "Domain")
_ROUTE = "RouteMessageOutboundConnector"


def objects(step: ShownStep, facts: Facts) -> tuple[Mapping[str, Value], ...]:
    """The fields of each object that *step* names, by the service's names; none where one is there no longer.

    Raises:
        DoubtError: They were not read.
    """
    found = [_fields(item) for item, _ in _named(step, facts)]
    ids = step.parameters.get("Ids")
    return tuple(found) if not isinstance(ids, tuple) or len(found) == len(ids) else ()


def is_as_made(step: ShownStep, facts: Facts) -> bool:
    """Whether the object that *step* made is what it was then: as it was told, and else as the service leaves it.

    Raises:
        DoubtError: It was not read.
    """
    kind, cmdlets = _WRITTEN_BY[step.cmdlet]
    told = {name: list(each) if isinstance(each, tuple) else each for name, each in step.parameters.items()}
    for item, row in _named(step, facts):
        itself = {name: row[name] for name in ("Identity", "Guid") if name in row}
        try:
            made = kind.of({**itself, **cmdlets.made_with, **told})
        except ValueError:  # the ledger does not say all of it
            return False
        then = _fields(made) | {"Comment": None}
        now = _fields(item) | {"Comment": None}  # the service may add to a comment, and it decides nothing
        if not all(is_same(name, now[name], then[name], facts) for name in then) or _says_more(item):
            return False
    return True


def _says_more(item: ExchangeObject) -> bool:
    """Whether a rule has conditions or actions that we give to none; they are no fields of its own here."""
    return isinstance(item, TransportRule) and bool(oof_connector.foreign_to(item))


def is_same(name: str, one: Value, other: Value, facts: Facts) -> bool:
    """Whether two values of the field *name* mean the same; a connector is read back by its name or its GUID."""
    if isinstance(one, tuple) or isinstance(other, tuple):
        return entries(one) == entries(other)
    same = {normal.name(each) if isinstance(each, str) else each for each in (one or None, other or None)}
    routes = map(oof_connector.routes_to, facts.known(OutboundConnector))
    return len(same) == 1 or (name == _ROUTE and any(same == each for each in routes))


def entries(value: Value) -> frozenset[str]:
    """The entries of a list; of one that was given as text, that one."""
    return frozenset(value if isinstance(value, tuple) else filter(None, [str(value or "")]))


def _named(step: ShownStep, facts: Facts) -> Iterator[tuple[ExchangeObject, Row]]:
    kind, cmdlets = _WRITTEN_BY[step.cmdlet]
    ids = step.parameters.get("Ids")
    name = normal.name(str(step.parameters["Name" if step.cmdlet == cmdlets.new else "Identity"]))
    for item, row in zip(facts.all(kind), facts.rows(kind), strict=True):
        names = {normal.name(str(row[each])) for each in _NAMES if row.get(each)}
        if row.get("Identity") in ids if isinstance(ids, tuple) else name in names:
            yield item, row


def _fields(item: ExchangeObject) -> dict[str, Value]:
    kind = type(item)
    return {str(field.validation_alias): _value(getattr(item, name)) for name, field in kind.model_fields.items()}


def _value(value: Value | frozenset[str]) -> Value:
    return listed(value) if isinstance(value, frozenset) else value
