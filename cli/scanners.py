"""`holdfast evidence scanner-exceptions`: checks that documented settings fail, with the tenant's own proof."""

from typing import Any

from cli import show
from cli.scanner_checks import SCANNER_EXCEPTIONS, ScannerException
from cli.session import Session, tenants_named


def scanner_exceptions(session: Session, tenant: str) -> None:
    """Tell of each tenant which check fails, why, and how what compensates for it stands, since when it was read."""
    with session.service() as api:
        chosen = tenants_named(api, [tenant] if tenant else None)
        states = {t["name"]: api.get(f"tenants/{t['tenant_id']}/state")["controls"] for t in chosen}
    told = [_told(name, each, controls) for name, controls in states.items() for each in SCANNER_EXCEPTIONS]
    columns = ("tenant", "scanner", "id", "setting", "why", "proof", "page")
    rows = [[show.cell(each[column]) for column in columns] for each in told]
    session.tell(told, lambda: show.table("scanner exceptions", columns, rows))


def _told(tenant: str, each: ScannerException, controls: list[dict[str, Any]]) -> dict[str, str]:
    known = {control["id"]: control for control in controls}
    proofs = [_proof(known[control]) for control in each.compensates if control in known]
    setting = _proof(known[each.control]) if each.control in known else f"{each.control}: not read yet"
    return {
        "tenant": tenant,
        "scanner": each.scanner,
        "id": each.id,
        "check": each.check,
        "setting": setting,
        "why": each.why,
        "proof": "; ".join(proofs),
        "page": each.page,
    }


def _proof(control: dict[str, Any]) -> str:
    read_at = f", read at {control['read_at']}" if control.get("read_at") else ""
    detail = f" ({control['detail']})" if control["id"] == "mail-flow" and control["detail"] else ""
    return f"{control['id']}: {control['state']}{read_at}{detail}"
