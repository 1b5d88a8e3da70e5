"""`holdfast offboard`: leave a tenant without stopping its mail."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli import show
from cli.api import Api, Failure
from cli.session import One, Session, tenants_named, utc


def offboard(  # noqa: PLR0913 - one command's words
    ctx: typer.Context,
    tenant: One,
    *,
    reason: Annotated[str, typer.Option(help="For the ledger.")],
    until: Annotated[datetime, typer.Option(help="Until when nothing is closed or put back again (UTC).")],
    yes: Annotated[bool, typer.Option("--yes", help="Take the steps without asking.")] = False,
    wait: Annotated[float, typer.Option("--wait", help="Seconds to wait for each step.")] = 900,
) -> None:
    """Show and take the steps of leaving, in the safe order: open, MX away, pairs and rule back, consent.

    It stops where a person is to do something first; run it again after that.
    """
    session: Session = ctx.obj
    with session.service() as api:
        [found] = tenants_named(api, [tenant])
        way = _Leaving(session, api, found["tenant_id"], {"reason": reason, "until": utc(until)}, wait)
        way.do("check")
        left = way.look()
        way.show(left)
        if left["locked"] or not left["held_open_until"]:
            _ask("Open the lock now?", yes)
            way.do("open")
            left = way.look()
            if left["locked"]:
                raise Failure(1, "some connector still refuses mail: nothing else is done before that is open")
        if at_filter := left["mx_at_filter"]:
            raise Failure(1, f"move the MX of {', '.join(at_filter)} away from the filter, then run this again")
        if left["put_back"]:
            _ask("Put these back now?", yes)
        for each in left["put_back"]:
            way.do(f"controls/{quote(each['control'], safe='')}/undo", entry=each["entry"])
    last = f"an admin of the tenant ends the access: {left['consent']}\nthen DELETE tenants/{found['tenant_id']}"
    session.tell(left, lambda: show.plain(last, lines=True))


def _ask(question: str, yes: bool) -> None:  # noqa: FBT001 - as it was given
    if not yes and not typer.confirm(question, err=True):
        raise Failure(1, "nothing more was done")


class _Leaving:
    """One tenant that leaves."""

    def __init__(self, session: Session, api: Api, tenant_id: str, wish: dict[str, str], wait: float) -> None:
        self._session, self._api, self._id, self._wish, self._wait = session, api, tenant_id, wish, wait

    def look(self) -> dict[str, Any]:
        left: dict[str, Any] = self._api.get(f"tenants/{self._id}/leaving")
        return left

    def do(self, what: str, **more: str) -> None:
        """Ask for one step and wait for its end.

        Raises:
            Failure: It did not end well; what is left is not begun.
        """
        body = None if what == "check" else self._wish | more
        operation = self._api.ended(self._api.start(f"tenants/{self._id}/{what}", body), self._wait)
        self._session.err.print(show.cell(f"{what}: {operation['state']}"))
        if what != "check" and operation["state"] != "succeeded":
            details = "; ".join(each["detail"] for each in operation["controls"] if each["detail"])
            raise Failure(1, f"{what} {operation['state']}: {details}")

    def show(self, left: dict[str, Any]) -> None:
        """The steps, and how each stands."""
        moved = ", ".join(left["mx_at_filter"])
        back = [(f"undo {each['control']}", "to do", "\n".join(each["powershell"])) for each in left["put_back"]]
        rows = [
            ("open the lock", "to do" if left["locked"] else "done", f"held open until {left['held_open_until']}"),
            ("move the MX away", "by hand" if moved else "done", moved),
            *back,
            ("end the access", "by hand", left["consent"]),
        ]
        cells = [tuple(map(show.cell, row)) for row in rows]
        self._session.err.print(show.table("leaving", ("step", "stands", "what"), cells))
