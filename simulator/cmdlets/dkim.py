"""DKIM signing. On only after both CNAMEs are published, which the world's own DNS decides.

Source: docs/reference/exchange.md#dkim-signing.
"""

from zlib import crc32

from simulator.cmdlets.binding import IDENTITY, Parameter, boolean, choice, integer, text
from simulator.cmdlets.cmdlet import Call, Cmdlet, Output, find, insert, listing, replace, update
from simulator.failures import CmdletError, invalid, not_found
from simulator.organization import Organization
from simulator.rows import Row, UInt16, directory

KIND = "DkimSigningConfig"
KEY_SIZES = (1024, 2048)
_LETTERS = "nrwyei"  # seen in the wild; Microsoft picks one per domain

DEFAULTS: Row = {
    "Enabled": False,
    "IsDefault": False,
    "HeaderCanonicalization": "Relaxed",
    "BodyCanonicalization": "Relaxed",
    "Algorithm": "RsaSHA256",
    "NumberOfBytesToSign": "All",
    "IncludeSignatureCreationTime": True,
    "IncludeKeyExpiration": False,
    "SelectorBeforeRotateOnDate": "selector2",
    "SelectorAfterRotateOnDate": "selector1",
    "KeySize": 1024,
}


def targets(tenant: Organization, domain: str) -> dict[str, str]:
    """Host name and CNAME target of both selectors: not to be computed by a caller (two schemes, a letter each)."""
    dashed = domain.replace(".", "-")
    if tenant.switches.dkim_scheme == "old":
        zone = tenant.initial_domain
    else:
        letter = _LETTERS[crc32(domain.encode()) % len(_LETTERS)]
        zone = f"{tenant.initial_domain.removesuffix('.onmicrosoft.com')}.{letter}-v1.dkim.mail.microsoft"
    return {f"{name}._domainkey.{domain}": f"{name}-{dashed}._domainkey.{zone}" for name in ("selector1", "selector2")}


def key(target: str) -> str:
    """The public key record at a target; a made-up key, the same each time."""
    return f"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A{crc32(target.encode()):08x};"


def published(tenant: Organization, domain: str) -> bool:
    """Both CNAMEs are in the zone."""
    return all(
        [value.rstrip(".").lower() for value in tenant.world.dns.values(host, "CNAME")] == [target.lower()]
        for host, target in targets(tenant, domain).items()
    )


def _get(call: Call) -> Output:
    return listing(call, [shown(call.tenant, row) for row in call.rows(KIND)])


def _new(call: Call) -> Output:
    domain = call.given["DomainName"].lower()
    if domain not in (*call.tenant.domains, call.tenant.initial_domain):
        raise not_found(domain)
    if call.given.get("KeySize", 1024) not in KEY_SIZES:
        raise invalid("KeySize must be 1024 or 2048.")
    settings = {name: value for name, value in call.given.items() if name not in {"DomainName", "Enabled"}}
    unpublished = call.given["Enabled"] and not published(call.tenant, domain)
    if unpublished and not call.tenant.switches.dkim_new_keeps_config:
        raise _cname_missing(call.tenant, domain)
    enabled = call.given["Enabled"] and not unpublished
    row = insert(call, KIND, DEFAULTS, {"Name": domain, "Enabled": enabled, **settings})
    if unpublished:
        raise _cname_missing(call.tenant, domain)
    return Output([shown(call.tenant, row)])


def _set(call: Call) -> Output:
    row = find(call.tenant.rows(KIND), call.given["Identity"])
    if call.given.get("Enabled") and not row["Enabled"] and not published(call.tenant, row["Name"]):
        raise _cname_missing(call.tenant, row["Name"])
    given = {name: value for name, value in call.given.items() if name != "PublishTxtRecords"}
    return update(call, KIND, row, given)


def _rotate(call: Call) -> Output:
    row = find(call.tenant.rows(KIND), call.given["Identity"])
    if not row["Enabled"]:
        raise invalid(f"DKIM signing is not enabled for '{row['Name']}'.")
    swapped = {
        "SelectorBeforeRotateOnDate": row["SelectorAfterRotateOnDate"],
        "SelectorAfterRotateOnDate": row["SelectorBeforeRotateOnDate"],
    }
    replace(call, KIND, row, row | swapped | {"WhenChanged": call.tenant.now()})
    return Output()


def shown(tenant: Organization, row: Row) -> Row:
    domain, changed = row["Name"], row["WhenChanged"]
    first, second = targets(tenant, domain).values()
    status = tenant.switches.dkim_status or ("Valid" if published(tenant, domain) else "CnameMissing")
    size = UInt16(row["KeySize"])
    derived = {
        "Domain": domain,
        "Selector1KeySize": size,
        "Selector1CNAME": first,
        "Selector1PublicKey": key(first),
        "Selector2KeySize": size,
        "Selector2CNAME": second,
        "Selector2PublicKey": key(second),
        "KeyCreationTime": row["WhenCreated"],
        "LastChecked": changed,
        "RotateOnDate": row["WhenCreated"],
        "Status": status,
    }
    settings = {name: value for name, value in row.items() if name != "KeySize"}
    return directory(settings | derived, tenant.initial_domain)


def _cname_missing(tenant: Organization, domain: str) -> CmdletError:
    """The refusal of docs/reference/dns.md#dkim-timing."""
    first, second = (
        f"Host Name : {host.removesuffix('.' + domain)} ; Points to address or value: {target}"
        for host, target in targets(tenant, domain).items()
    )
    return CmdletError(
        "CNAME record does not exist for this config. Please publish the following two CNAME records first. Domain"
        f" Name : {domain} ; {first} ; {second} . If you have already published the CNAME records, sync will take a few"
        " minutes to as many as 4 days based on your specific DNS. Return and retry this step later.",
        "Microsoft.Exchange.Management.SystemConfigurationTasks.ValidationException",
        ident="ExA2B0C4",
    )


_CANON = {name: Parameter(choice("Relaxed", "Simple")) for name in ("HeaderCanonicalization", "BodyCanonicalization")}
_NEW = {
    "DomainName": Parameter(text(), mandatory=True),
    "Enabled": Parameter(boolean, mandatory=True),
    "KeySize": Parameter(integer),
    **_CANON,
}
_SET = {**IDENTITY, "Enabled": Parameter(boolean), "PublishTxtRecords": Parameter(boolean), **_CANON}

CMDLETS = (
    Cmdlet("Get-DkimSigningConfig", {"Identity": Parameter(text())}, _get),
    Cmdlet("New-DkimSigningConfig", _NEW, _new),
    Cmdlet("Set-DkimSigningConfig", _SET, _set),
    Cmdlet("Rotate-DkimSigningConfig", {**IDENTITY, "KeySize": Parameter(integer)}, _rotate),
)
