"""Puts the simulator behind respx: httpx then finds Microsoft's host names answered by a `World`."""

import re

import httpx
import respx

from simulator.app import asgi
from simulator.faults import ConnectionCut
from simulator.world import World

OF_MICROSOFT = (
    r"login\.microsoftonline\.com|outlook\.office365\.com|([a-z0-9-]+\.)?ps\.compliance\.protection\.outlook\.com"
    r"|graph\.microsoft\.com|manage\.office\.com"
)


def mount(router: respx.Router, world: World) -> respx.Route:
    """Answer every request for a host of Microsoft or of a ticket system from *world*.

    A scripted cut becomes what httpx raises for a socket: `ReadError`, or `ConnectError` when it never opened.
    """
    transport = httpx.ASGITransport(asgi(world))

    async def answer(request: httpx.Request) -> httpx.Response:
        try:
            return await transport.handle_async_request(request)
        except ConnectionCut as cut:
            kind = httpx.ReadError if cut.opened else httpx.ConnectError
            raise kind(str(cut), request=request) from cut

    clouds = "|".join(re.escape(system.cloud) for system in world.psa.by_name.values())
    return router.route(host__regex=rf"^({OF_MICROSOFT}|[a-z0-9-]+\.({clouds}))$").mock(side_effect=answer)
