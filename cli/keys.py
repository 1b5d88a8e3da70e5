"""`holdfast key`: keys of the API."""

import json
import re
import secrets
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated
from urllib.parse import quote

import typer

from cli import show
from cli.api import Failure
from cli.session import Session, utc

key_app = typer.Typer(help="Keys of the API.", no_args_is_help=True)

KEY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What HOLDFAST_KEYS takes: any other name in it keeps the service from starting, and so does `dev`, the dev host's."""


class KeyRole(StrEnum):
    """What a key may do; each includes Reader, and Admin all."""

    READER = "Reader"
    OPERATOR = "Operator"
    APPROVER = "Approver"
    ADMIN = "Admin"


@key_app.command("new")
def new_key(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="How the ledger names the holder of the key.")],
    role: Annotated[list[KeyRole], typer.Option(help="What it may do; may be repeated.")],
    *,
    until: Annotated[datetime | None, typer.Option(help="When it ends (UTC); without, it does not.")] = None,
) -> None:
    """Make a key: it is shown this once, and its entry goes into the list in HOLDFAST_KEYS. Asks no service."""
    session: Session = ctx.obj
    if not KEY_NAME.fullmatch(name) or name == "dev":
        raise Failure(2, f"'{name}': should be 1 to 64 letters, digits, dots, hyphens and underscores, and not dev")
    key = secrets.token_urlsafe(32)
    entry = {"name": name, "sha256": sha256(key.encode()).hexdigest(), "roles": [each.value for each in role]}
    if until:
        entry["until"] = utc(until)
    lines = f"key    {key}\nentry  {json.dumps(entry)}"
    if session.as_json:
        lines = json.dumps({"key": key, "entry": entry})
    session.out.out(lines, highlight=False)


@key_app.command("end")
def end_key(ctx: typer.Context, name: Annotated[str, typer.Argument(help="The key's name in HOLDFAST_KEYS.")]) -> None:
    """Have a key refused everywhere, within 10 seconds and for good."""
    session: Session = ctx.obj
    with session.service() as api:
        api.delete(f"keys/{quote(name, safe='')}")
    session.tell({"ended": name}, lambda: f"{show.cell(name)} is refused from now on")
