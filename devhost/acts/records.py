"""A company's DNS on a real server: an include goes missing and comes back, and the lock-down waits for the MX."""

import time

import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.update

from devhost.errors import StartError
from devhost.stack import NameServer
from devhost.stage import Stage, console, ok

TITLE = "Records go missing from a real DNS server (Knot)"

DOMAIN, NAME = "adatum.example", "adatum"
SECRET = "HOLDFAST_DNS_SECRET_DEMO"  # noqa: S105 - a setting's name
_FILTER, _MICROSOFT = "10 inbound30.exchangedefender.com.", "0 adatum-example.mail.protection.outlook.com."
_SPF = '"v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all"'
_WITHOUT = '"v=spf1 include:spf.protection.outlook.com -all"'
_OLD_TTL_S = 8
ZONES = {
    DOMAIN: f"""
$ORIGIN {DOMAIN}.
$TTL 2
@ SOA ns1 hostmaster 1 7200 900 1209600 2
@ NS ns1
ns1 A 127.0.0.1
@ MX {_FILTER}
@ TXT {_SPF}
@ TXT "MS=ms12345678"
_dmarc TXT "v=DMARC1; p=none; rua=mailto:dmarc@{DOMAIN}"
"""
}
"""Short-lived records, so that a change is seen within seconds."""


def prepare(stage: Stage) -> None:
    """A tenant whose zone is on Knot, which the service may update; nothing where there is no Knot."""
    server = stage.stack.nameserver
    if server is None:
        return
    there = {"zone": DOMAIN, "host": server.host, "port": server.port}
    ok(stage.stack.simulator.put("dns/servers", json=there))
    host = {
        "kind": "rfc2136",
        "server": f"{server.host}:{server.port}",
        "key_name": server.key_name,
        "secret_setting": SECRET,
    }
    stage.add_tenant(DOMAIN, {"dns": {DOMAIN: host}})


def play(stage: Stage) -> bool:
    """First the SPF record, then the MX with the lock-down."""
    server = stage.stack.nameserver
    if server is None:
        console.print("[yellow]Left out:[/yellow] Knot DNS is not on this machine (Debian package knot).")
        return True
    good = _record(stage, server) and _lock(stage, server)
    words = "[green]Both were put back and proven.[/green]" if good else "[red]It did not end as it should.[/red]"
    console.print(words)
    return good


def _record(stage: Stage, server: NameServer) -> bool:
    _publish(server, "TXT", 2, _WITHOUT, '"MS=ms12345678"')
    console.print(f"  [yellow]✗[/yellow] {NAME:<10}somebody takes the filter out of the SPF record")
    return stage.hears(DOMAIN, NAME, ("spf", "corrected")) and _SPF in _shown(server, "TXT")


def _lock(stage: Stage, server: NameServer) -> bool:
    """The MX goes to Microsoft and the lock is switched off; the MX comes back, and the lock waits for its old TTL."""
    _publish(server, "MX", _OLD_TTL_S, _MICROSOFT)
    stage.admin(DOMAIN, "Set-InboundConnector", {"Identity": "ExchangeDefender", "Enabled": False})
    console.print(f"  [yellow]✗[/yellow] {NAME:<10}somebody moves the MX to Microsoft and turns off the lock-down")
    if not stage.hears(DOMAIN, NAME, ("inbound-lockdown", "held")):
        return False
    _publish(server, "MX", 2, _FILTER)
    console.print(f"  [yellow]✓[/yellow] {NAME:<10}the MX is moved back to the filter")
    moved = time.monotonic()
    # It says before until when it waits; on a busy machine that time may be over when it comes to ask.
    if not stage.hears(DOMAIN, NAME, ("inbound-lockdown", "corrected")) or time.monotonic() - moved < _OLD_TTL_S:
        return False
    return all(row["Enabled"] for row in stage.admin(DOMAIN, "Get-InboundConnector", {}))


def _publish(server: NameServer, rtype: str, ttl_s: int, *values: str) -> None:
    """As the domain's own admin: these records, in place of all of that type."""
    update = dns.update.UpdateMessage(DOMAIN, keyring=dns.tsig.Key(server.key_name, server.secret, "hmac-sha256"))
    update.delete("@", rtype)
    for value in values:
        update.add("@", ttl_s, rtype, value)
    reply = dns.query.tcp(update, server.host, port=server.port, timeout=5)
    if reply.rcode() != dns.rcode.NOERROR:
        raise StartError(f"Knot did not take an update: {dns.rcode.to_text(reply.rcode())}")


def _shown(server: NameServer, rtype: str) -> list[str]:
    """What the zone itself says now."""
    reply = dns.query.tcp(dns.message.make_query(DOMAIN, rtype), server.host, port=server.port, timeout=5)
    return [rdata.to_text() for rrset in reply.answer for rdata in rrset]
