"""Who may call Graph and the Management Activity API: the token's audience, tenant and time."""

from collections.abc import Mapping
from typing import Any

from simulator.wire.tokens import AUDIENCES, verified
from simulator.world import World


def claims_for(world: World, service: str, header: str | None) -> Mapping[str, Any] | None:
    """The claims of a good token for *service*; None: 401."""
    claims = verified((header or "").removeprefix("Bearer "))
    tenant = world.tenant(claims["tid"]) if claims else None
    if claims is None or tenant is None:
        return None
    current = claims["exp"] > tenant.now().timestamp() and claims["sim_serial"] >= tenant.tokens_valid_from
    return claims if current and claims["aud"] == AUDIENCES[service] else None
