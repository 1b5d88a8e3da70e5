"""Why a request cannot be carried out: raised by the work itself, for any caller; handlers/api knows the HTTP status.

* RequestError
  + NothingThere      what the request names does not exist
    - UnknownId       an id that is no GUID
    - UnknownTenant
    - UnknownControl
    - UnknownOperation
    - UnknownKey      an API key
    - UnknownFinding
    - UnknownIncident an incident that lasts
    - UnknownParked   a message that was given up
    - UnknownAlert
    - UnknownChain    a ledger's chain, or its place under a root
    - UnknownRoot     an hour without a root
    - NothingAccepted an exception that was to end
    - NothingProposed a config that waits for another person
  + BadField          a value makes no sense; the sentence begins with the field's name
  + NotNow            not as things are
    - KeyReused       the idempotency key belongs to another request
    - PlanMoved       the plan that was approved does not wait
    - NotConfigured   a setting of this installation is missing
    - StillLocked     the tenant refuses mail that does not come through the filter
    - UnreadableConfig what is stored of the tenant's config makes no sense
    - AnotherPerson   somebody else has to say yes
    - ProposalMoved   what was proposed does not wait (any more), or is something else now
  + NeighbourRefused  somebody else's API said no; the sentence says what to grant
"""

# ruff: noqa: N818 - the names are the outcomes that a caller matches on

from domain.shown import quoted

LONGEST_QUOTE = 64
"""Characters of what a caller sent that are repeated to it."""


class RequestError(Exception):
    """A request that cannot be carried out. *str()* is one sentence for the caller."""


class NothingThere(RequestError):
    """What the request names does not exist."""


class UnknownId(NothingThere):
    """*text* is no GUID, so nothing has it as its id."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{quoted(text, LONGEST_QUOTE)} is not the id of anything here: ids are GUIDs")


class UnknownTenant(NothingThere):
    """No tenant has this id."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"there is no tenant {tenant_id}")


class UnknownControl(NothingThere):
    """The catalogue has no control of this id."""

    def __init__(self, control: str) -> None:
        super().__init__(f"there is no control {quoted(control, LONGEST_QUOTE)}")


class NothingProposed(NothingThere):
    """No config of this tenant waits for another person."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"no config of tenant {tenant_id} waits for another person")


class UnknownChain(NothingThere):
    """Nothing was written to this ledger, or no root was made since."""

    def __init__(self, ledger: str) -> None:
        super().__init__(f"the ledger {quoted(ledger, LONGEST_QUOTE)} has no chain, or no hourly root has it yet")


class UnknownRoot(NothingThere):
    """No root of this hour is kept."""

    def __init__(self, hour: str) -> None:
        super().__init__(f"the hour {quoted(hour, LONGEST_QUOTE)} has no root")


class UnknownIncident(NothingThere):
    """The service has no incident of this id, or it is over."""

    def __init__(self, incident_id: str) -> None:
        super().__init__(f"there is no incident {quoted(incident_id, LONGEST_QUOTE)} that lasts")


class UnknownWave(NothingThere):
    """No wave has this id."""

    def __init__(self, wave_id: str) -> None:
        super().__init__(f"there is no wave {quoted(wave_id, LONGEST_QUOTE)}")


class UnknownOperation(NothingThere):
    """No operation has this id."""

    def __init__(self, operation_id: str) -> None:
        super().__init__(f"there is no operation {operation_id}")


class UnknownKey(NothingThere):
    """HOLDFAST_KEYS has no key of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no key {quoted(name, LONGEST_QUOTE)}")


class UnknownFinding(NothingThere):
    """The tenant has no finding of this id, or no longer."""

    def __init__(self, finding_id: str) -> None:
        super().__init__(f"there is no finding '{finding_id[:LONGEST_QUOTE]}'")


class UnknownAlert(NothingThere):
    """Nothing is known of an alert with this id."""

    def __init__(self, alert_id: str) -> None:
        super().__init__(f"there is no alert {quoted(alert_id, LONGEST_QUOTE)}")


class UnknownParked(NothingThere):
    """Nothing of this id is parked, or no longer."""

    def __init__(self, parked_id: str) -> None:
        super().__init__(f"nothing is parked as {quoted(parked_id, LONGEST_QUOTE)}")


class NothingAccepted(NothingThere):
    """The control has no exception that could end."""

    def __init__(self, control: str) -> None:
        super().__init__(f"there is no exception of {quoted(control, LONGEST_QUOTE)}")


class BadField(RequestError):
    """*field* (a path such as `body.until`) has a value that makes no sense; *fault* says why."""

    def __init__(self, field: str, fault: str) -> None:
        super().__init__(f"{field}: {fault}")
        self.field, self.fault = field, fault


class NotNow(RequestError):
    """Not as things are: another request, or a person, has to come first."""


class KeyReused(NotNow):
    """The idempotency key belongs to another request."""

    def __init__(self) -> None:
        super().__init__("Idempotency-Key: was used before, for another request")


class PlanMoved(NotNow):
    """The plan that was approved does not wait for approval (any more)."""


class NotConfigured(NotNow):
    """A setting of this installation is missing."""


class WaveRuns(NotNow):
    """A wave of this profile runs or is paused: there is one at a time."""

    def __init__(self, wave_id: str, profile: str) -> None:
        super().__init__(f"wave {wave_id} of profile {profile} has not ended: there is one at a time")


class WaveOver(NotNow):
    """The wave has ended."""

    def __init__(self, wave_id: str) -> None:
        super().__init__(f"wave {wave_id} has ended")


class StillLocked(NotNow):
    """A tenant that is forgotten while it is locked refuses its mail as soon as its MX moves, and nobody is told."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__(
            f"tenant {tenant_id} is locked: open it first (POST tenants/{tenant_id}/open, or holdfast offboard), then"
            " move its MX, then delete it"
        )


class UnreadableConfig(NotNow):
    """What is stored of a tenant's config makes no sense to this version: a person replaces or deletes it."""

    def __init__(self, tenant_id: str) -> None:
        path = f"tenants/{tenant_id}"
        super().__init__(f"its config makes no sense: PUT {path} replaces it, DELETE {path} removes it")


class AnotherPerson(NotNow):
    """Only another person than the one who proposed it may approve."""


class ProposalMoved(NotNow):
    """Nothing waits, or it is not what was shown, or the config that it was to replace is another one by now."""


class NeighbourRefused(RequestError):
    """Somebody else's API did not do what this request needs."""
