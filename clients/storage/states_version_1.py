"""Rows of control states as they were before each step had one memory, and its correction a phase (version 1)."""

from datetime import datetime
from typing import Any

from domain.corrections import TRY_AGAIN_AFTER


def upgraded(row: dict[str, Any]) -> dict[str, Any]:
    """The document of such a row, as rows say it now."""
    for control in row.get("controls", {}).values():
        group = control.pop("correction", None) or {"changes": ()}
        tried, missed, made = (control.pop(name, {}) for name in ("tried", "missed", "made"))
        memories = {key: _memory(tried.get(key), missed.get(key), made.get(key)) for key in {*tried, *missed, *made}}
        control["corrections"] = [
            change
            | {"entry": group["entry"], "seen_at": group["seen_at"], "phase": _phase(change)}
            | {"memory": memories.pop(change["key"], {})}
            for change in group["changes"]
        ]
        control["memories"] = memories
    return row


def _phase(change: dict[str, Any]) -> str:
    if change["sent_at"] is None:
        return "planned"
    return "answered" if change["answered"] else "sent"


def _memory(tried: dict[str, Any] | None, missed: dict[str, Any] | None, made: str | None) -> dict[str, Any]:
    memory: dict[str, Any] = {"proven_at": made}
    if tried:
        due_at = (datetime.fromisoformat(tried["at"]) + TRY_AGAIN_AFTER).isoformat()
        memory |= {"failed_at": tried["at"], "due_at": due_at, "why": tried["why"]}
        memory["patient_until"] = tried["patient_until"]
    if missed:
        memory |= {"hindrance": missed["reason"], "jobs": missed["jobs"]}
    return memory
