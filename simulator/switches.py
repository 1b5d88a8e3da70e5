"""What differs between tenants, or what nobody outside Microsoft knows for certain: a switch each, set at any time."""

from dataclasses import dataclass
from typing import Literal

from simulator.failures import Form


@dataclass(slots=True)
class Switches:
    """Defaults are what the fact sheet says, or its likelier reading where it gives two.

    The section in brackets is the fact sheet's. `README.md` lists them with their meaning.
    """

    # Objects and cmdlets
    outbound_reads: Literal["documented", "measured"] = "documented"  # 6.2
    unknown_identity: Literal["not_found", "everything"] = "not_found"  # 2.9
    already_exists: Form = "json"  # 5.1
    created_disabled: Literal["never", "on_premises", "always"] = "never"  # 6.1
    connector_in_use_protected: bool = True  # 6.2
    rule_shows_connector: Literal["name", "guid"] = "name"  # 6.3
    spoof_new_echo: bool = True  # 2.6
    spoof_zeroes_host_bits: bool = False  # 6.5
    dkim_scheme: Literal["new", "old"] = "new"  # 6.6
    dkim_status: str | None = None  # 6.6: Microsoft's cached view; None: computed from the zone
    dkim_new_keeps_config: bool = True  # 6.6
    dehydrated: bool = False  # 5.5
    hydration_reads: int = 2  # 5.5: reads of Get-OrganizationConfig until customisation shows
    alerts_present: bool = True  # 6.10
    alert_name_suffix: str = ""  # 6.10: "\u200b"
    alert_set: Literal["works", "not_found", "ignored"] = "works"  # 6.10

    # Wire
    empty_collections: Literal["list", "null"] = "list"  # 2.7
    void_value: Literal["empty", "null", "missing", "no_content", "no_body"] = "empty"  # 2.6
    nul_gzip_label: bool = False  # 5.3
    diagnostics: bool = False  # 5.3: x-ms-diagnostics on a 403
    page_size: int = 1000  # 2.8: never more on a page, whatever the caller prefers
    paging_needs_anchor: bool = False  # 2.8
    link_requests: int | None = None  # 2.8: a nextLink dies after so many further requests of the tenant
    link_seconds: float = 600  # 2.8
    batch_shuffle: bool = False  # 3.2
    batch_inherits_authorization: bool = False  # 3.1
    batch_stops_without_continue: bool = True  # 3.2
    front_door: Literal["redirect", "serve"] = "redirect"  # 4.1
    old_region: Literal["redirect", "not_found", "unreachable"] = "redirect"  # 4.1

    # Defender (the alerts sheet)
    defender_licensed: bool = True  # 1.9
    alert_paging: Literal["link", "none"] = "link"  # 1.2
    alerts_say_when: bool = True  # 1.9: Retry-After on a 429
    evidence_reopens_alerts: bool = False  # 1.10

    # Audit feed (the alerts sheet)
    audit_licensed: bool = True  # 3.6: AF20012
    audit_minutes: float = 60  # 3.5: from the event until it comes up
    feed_page: int = 100  # 3.4: parcels on a page
    feed_shuffle: bool = False  # 3.4: order is not guaranteed

    # Sign-in
    sign_in_error: int | None = None  # 1.5: an AADSTS number that every token request gets
    compliance_principal: bool = True  # 1.2: the service principal of 00000007-... exists
