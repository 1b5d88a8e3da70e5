"""The channels that notices go to: which there are, and whether they take one."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from clients.errors import Unreachable
from clients.notify import apprise_door
from domain import notices
from domain.errors import BadField
from domain.incident import SERVICE
from handlers.api.access import as_role
from handlers.api.routing import CallerName, Neighbours, Strict, example, router_of
from handlers.on_request import RequestBody

router = router_of("channels")


class ChannelsToTry(RequestBody):
    """What `POST /channels/test` takes: names of channels; none means all."""

    channels: tuple[str, ...] = Field((), max_length=50)


class ShownChannel(BaseModel):
    """A channel by name; its URL is a secret. *operators*: it is told of the service itself.

    *failing_since*: since when it takes no notices about that.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    scheme: str
    operators: bool
    failing_since: AwareDatetime | None


class ChannelResult(BaseModel):
    """Whether a channel took the test. *detail*: what went wrong."""

    model_config = ConfigDict(frozen=True)

    channel: str
    ok: bool
    detail: str = ""


@router.get("/channels", **as_role("Reader"))
async def list_channels(clients: Neighbours) -> list[ShownChannel]:
    """Every channel that a setting gives a URL."""
    shown = []
    for name, channel in sorted(clients.channels.by_name.items()):
        told = await clients.storage.notices.told(SERVICE, name)
        shown.append(
            ShownChannel(
                name=name,
                scheme=channel.scheme,
                operators=name in clients.channels.operators,
                failing_since=told.failing_since if told else None,
            )
        )
    return shown


@router.post("/channels/test", **as_role("Operator", 400, 415))
async def post_channels_test(
    wish: Annotated[ChannelsToTry, Strict, example({"channels": ["notify-ops"]})],
    caller: CallerName,
    clients: Neighbours,
) -> list[ChannelResult]:
    """Send a test to channels, now: who reads them sees it, and the answer says which took it."""
    known = clients.channels.by_name
    if missing := [name for name in wish.channels if name not in known]:
        raise BadField("body.channels", f"there is no channel '{missing[0]}'")
    trial, results = notices.trial(clients.now(), caller), []
    for channel in clients.channels.of(wish.channels or tuple(sorted(known))):
        try:
            await apprise_door.send_notice(channel, trial)
        except Unreachable as error:
            results.append(ChannelResult(channel=channel.name, ok=False, detail=error.sentence))
        else:
            results.append(ChannelResult(channel=channel.name, ok=True))
    return results
