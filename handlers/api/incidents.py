"""What the service needs a person for: what is open, who has taken it, and that it is over."""

from typing import Annotated

from fastapi import Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.errors import UnknownIncident
from domain.incident import INCIDENT_ID, SERVICE, service_entry
from handlers.api.access import as_role
from handlers.api.routing import CallerName, Neighbours, Strict, example, router_of
from handlers.on_request import RequestBody
from handlers.operators import end_incident, open_incidents

router = router_of("incidents")

IncidentInPath = Annotated[str, Path(pattern=f"^{INCIDENT_ID.pattern}$", examples=["parked-checks"])]
_EXAMPLE = {"reason": "I look at it"}


class IncidentNote(RequestBody):
    """Why somebody takes an incident over, or says that it is over."""

    reason: str = Field("", max_length=1000)


class ShownIncident(BaseModel):
    """An incident that nobody has ended. *number*: as its notices have it. *owner*: who took it, if somebody did."""

    model_config = ConfigDict(frozen=True)

    id: str
    number: int
    begun_at: AwareDatetime
    last_at: AwareDatetime
    owner: str
    detail: str


@router.get("/incidents", **as_role("Reader"))
async def list_incidents(clients: Neighbours) -> list[ShownIncident]:
    """The incidents of the service that last, oldest first."""
    shown = []
    for incident_id, entries in (await open_incidents(clients)).items():
        owners = [entry.actor for entry in entries if entry.event == "incident_taken"]
        told = [entry for entry in entries if entry.event == "incident"]
        shown.append(
            ShownIncident(
                id=incident_id,
                number=await clients.storage.chains.sequence_of(SERVICE, entries[0].id),
                begun_at=entries[0].at,
                last_at=told[-1].at,
                owner=owners[-1] if owners else "",
                detail=told[-1].detail,
            )
        )
    return shown


@router.post("/incidents/{incident}/take", status_code=204, **as_role("Operator", 400, 404, 415))
async def take_incident(
    incident: IncidentInPath,
    note: Annotated[IncidentNote, Strict, example(_EXAMPLE)],
    caller: CallerName,
    clients: Neighbours,
) -> None:
    """Take an incident over: the channels are told that it has changed hands, and whose they are."""
    if incident not in await open_incidents(clients):
        raise UnknownIncident(incident)
    taken = service_entry("incident_taken", clients.now(), control=incident, detail=note.reason, by=caller)
    await clients.storage.ledger.append(taken)


@router.post("/incidents/{incident}/end", status_code=204, **as_role("Operator", 400, 404, 415))
async def post_incident_end(
    incident: IncidentInPath,
    note: Annotated[IncidentNote, Strict, example(_EXAMPLE)],
    caller: CallerName,
    clients: Neighbours,
) -> None:
    """Say that an incident is over; it begins anew when its cause comes up again."""
    if not await end_incident(incident, note.reason, clients, by=caller):
        raise UnknownIncident(incident)
