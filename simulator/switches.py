"""What differs between tenants, or is not known outside Microsoft: a switch each, set at any time."""

from dataclasses import dataclass
from typing import Literal

from simulator.failures import Form


@dataclass(slots=True)
class Switches:
    """Defaults are what docs/reference says, or its likelier reading where it gives two.

    `README.md` lists the switches with their meaning and the section of docs/reference.
    """

    # Objects and cmdlets
    outbound_reads: Literal["documented", "measured"] = "documented"
    unknown_identity: Literal["not_found", "everything"] = "not_found"
    already_exists: Form = "json"
    created_disabled: Literal["never", "on_premises", "always"] = "never"
    connector_in_use_protected: bool = True
    rule_shows_connector: Literal["name", "guid"] = "name"
    spoof_new_echo: bool = True
    spoof_zeroes_host_bits: bool = False
    dkim_scheme: Literal["new", "old"] = "new"
    dkim_status: str | None = None  # Microsoft's cached view; None: computed from the zone
    dkim_new_keeps_config: bool = True
    dehydrated: bool = False
    hydration_reads: int = 2  # reads of Get-OrganizationConfig until customisation shows
    alerts_present: bool = True
    alert_name_suffix: str = ""  # "\u200b"
    alert_set: Literal["works", "not_found", "ignored"] = "works"

    # Wire
    empty_collections: Literal["list", "null"] = "list"
    void_value: Literal["empty", "null", "missing", "no_content", "no_body"] = "empty"
    nul_gzip_label: bool = False
    diagnostics: bool = False  # x-ms-diagnostics on a 403
    page_size: int = 1000  # never more on a page, whatever the caller prefers
    paging_needs_anchor: bool = False
    link_requests: int | None = None  # a nextLink dies after so many further requests of the tenant
    batch_shuffle: bool = False
    batch_inherits_authorization: bool = False
    front_door: Literal["redirect", "serve"] = "redirect"
    old_region: Literal["redirect", "not_found", "unreachable"] = "redirect"

    # Defender
    defender_licensed: bool = True
    alert_paging: Literal["link", "none"] = "link"
    alert_changes: Literal["made", "ignored", "shown_late"] = "made"

    # Audit feed
    audit_licensed: bool = True  # AF20012
    audit_minutes: float = 60  # from the event until it comes up
    feed_page: int = 100  # parcels on a page
    feed_shuffle: bool = False  # order is not guaranteed

    # Sign-in
    sign_in_error: int | None = None  # an AADSTS number that every token request gets
    compliance_principal: bool = True  # the service principal of 00000007-... exists
