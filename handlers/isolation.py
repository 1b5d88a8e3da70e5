"""Work whose failure ends nothing but itself."""

import logging
from collections.abc import Awaitable

from clients.storage.documents import NewerRow

log = logging.getLogger("holdfast.isolation")


async def isolated(what: str, work: Awaitable[object]) -> bool:
    """Do *work*; a failure is logged under *what*. Returns whether it was done."""
    try:
        await work
    except NewerRow as newer:  # as in each deployment: a worker of that version does it
        log.warning("newer_row %s %s", what, newer)
        return False
    except Exception:
        log.exception("failed_alone what=%s", what)
        return False
    return True
