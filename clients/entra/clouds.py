"""Where Microsoft's services are in each cloud, and for whom a token must be made out there.

Source: docs/reference/entra.md#clouds. DoD compliance and all of China rest on a single source; Graph has no alerts in
China, and the audit feed there is not documented.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

type Cloud = Literal["global", "gcchigh", "dod", "china"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base URLs (https, no trailing slash; a port and a path prefix are fine) and token scopes.

    A base URL may be replaced with `dataclasses.replace`; the scope stays, because it names the service, not the host.
    *assertion_audience*: what a managed identity's token must be made out for to serve as our credential.
    """

    login: str
    exchange: str
    exchange_scope: str
    compliance: str
    compliance_scope: str
    management: str
    assertion_audience: str
    graph: str
    graph_scope: str
    activity: str
    activity_scope: str

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that requests go to; the regional ones of compliance are known only later."""
        return tuple(urlsplit(each).netloc for each in (self.login, self.exchange, self.compliance))


def _cloud(compliance_scope: str = "", **bases: str) -> Endpoints:
    """The scope of a service is its base URL's, but where *compliance_scope* names another."""
    scopes = {f"{name}_scope": f"{bases[name]}/.default" for name in ("exchange", "compliance", "graph", "activity")}
    if compliance_scope:
        scopes["compliance_scope"] = f"{compliance_scope}/.default"
    return Endpoints(**bases, **scopes)


ENDPOINTS: dict[Cloud, Endpoints] = {
    "global": _cloud(
        login="https://login.microsoftonline.com",
        exchange="https://outlook.office365.com",
        compliance="https://ps.compliance.protection.outlook.com",
        management="https://management.azure.com",
        assertion_audience="api://AzureADTokenExchange",
        graph="https://graph.microsoft.com",
        activity="https://manage.office.com",
    ),
    "gcchigh": _cloud(
        login="https://login.microsoftonline.us",
        exchange="https://outlook.office365.us",
        compliance="https://ps.compliance.protection.office365.us",
        management="https://management.usgovcloudapi.net",
        assertion_audience="api://AzureADTokenExchangeUSGov",
        graph="https://graph.microsoft.us",
        activity="https://manage.office365.us",
    ),
    "dod": _cloud(
        login="https://login.microsoftonline.us",
        exchange="https://outlook-dod.office365.us",
        compliance="https://l5.ps.compliance.protection.office365.us",
        compliance_scope="https://ps.compliance.protection.office365.us",
        management="https://management.usgovcloudapi.net",
        assertion_audience="api://AzureADTokenExchangeUSGov",
        graph="https://dod-graph.microsoft.us",
        activity="https://manage.protection.apps.mil",
    ),
    "china": _cloud(
        login="https://login.chinacloudapi.cn",
        exchange="https://partner.outlook.cn",
        compliance="https://ps.compliance.protection.partner.outlook.cn",
        management="https://management.chinacloudapi.cn",
        assertion_audience="api://AzureADTokenExchangeChina",
        graph="https://microsoftgraph.chinacloudapi.cn",
        activity="https://manage.office365.cn",
    ),
}
