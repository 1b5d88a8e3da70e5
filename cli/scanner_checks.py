"""Public checks that fail because of a documented setting: which, why, and what of the tenant compensates for it.

Each id was looked up on the page that is named, last on 2026-11-29; what was not found is left out (docs/scanners.md).
"""

from dataclasses import dataclass

_ORCA = "https://github.com/cammurray/orca/blob/master/Checks"


@dataclass(frozen=True, slots=True)
class ScannerException:
    """*check*: what the scanner calls it. *control*: the documented setting. *compensates*: controls that make it good.

    *page*: where the check was found.
    """

    scanner: str
    id: str
    check: str
    control: str
    why: str
    compensates: tuple[str, ...]
    page: str


_LOCK = ("inbound-lockdown", "lock-bypass", "mail-flow")
_SPOOF = (
    "It wants EnableSpoofIntelligence on. Mail reaches the tenant by the filter alone, so that Microsoft would judge"
    " the filter's own servers for every sender."
)

SCANNER_EXCEPTIONS = (
    ScannerException(
        "CIS Microsoft 365 Foundations",
        "2.1.7",
        "Ensure that an anti-phishing policy has been created",
        "spoof-intelligence",
        _SPOOF,
        _LOCK,
        "https://github.com/maester365/maester/blob/main/powershell/public/cis/Test-MtCisSafeAntiPhishingPolicy.md",
    ),
    ScannerException(
        "Microsoft Secure Score",
        "Ensure that an anti-phishing policy has been created",
        "Ensure that an anti-phishing policy has been created",
        "spoof-intelligence",
        _SPOOF,
        _LOCK,
        "https://exchangepermissions.alweys.ch/securescore/",
    ),
    ScannerException(
        "ORCA",
        "ORCA-180",
        "Anti-spoofing protection",
        "spoof-intelligence",
        _SPOOF,
        _LOCK,
        f"{_ORCA}/check-ORCA180.ps1",
    ),
    ScannerException(
        "ORCA",
        "ORCA-233",
        "Domains",
        "mx",
        "It wants each MX at Microsoft, or Enhanced Filtering. The MX is the filter's, and the guide does not ask for"
        " Enhanced Filtering.",
        _LOCK,
        f"{_ORCA}/check-ORCA233.ps1",
    ),
    ScannerException(
        "ORCA",
        "ORCA-242",
        "Protection Alerts",
        "alert-policies",
        "It wants 'Phish delivered due to an ETR override' on, which is raised for mail that the filter has scanned.",
        (*_LOCK, "connector-health"),
        f"{_ORCA}/check-ORCA242.ps1",
    ),
)
