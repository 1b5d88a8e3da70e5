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


ENDPOINTS: dict[Cloud, Endpoints] = {
    "global": Endpoints(
        login="https://login.microsoftonline.com",
        exchange="https://outlook.office365.com",
        exchange_scope="https://outlook.office365.com/.default",
        compliance="https://ps.compliance.protection.outlook.com",
        compliance_scope="https://ps.compliance.protection.outlook.com/.default",
        management="https://management.azure.com",
        assertion_audience="api://AzureADTokenExchange",
        graph="https://graph.microsoft.com",
        graph_scope="https://graph.microsoft.com/.default",
        activity="https://manage.office.com",
        activity_scope="https://manage.office.com/.default",
    ),
    "gcchigh": Endpoints(
        login="https://login.microsoftonline.us",
        exchange="https://outlook.office365.us",
        exchange_scope="https://outlook.office365.us/.default",
        compliance="https://ps.compliance.protection.office365.us",
        compliance_scope="https://ps.compliance.protection.office365.us/.default",
        management="https://management.usgovcloudapi.net",
        assertion_audience="api://AzureADTokenExchangeUSGov",
        graph="https://graph.microsoft.us",
        graph_scope="https://graph.microsoft.us/.default",
        activity="https://manage.office365.us",
        activity_scope="https://manage.office365.us/.default",
    ),
    "dod": Endpoints(
        login="https://login.microsoftonline.us",
        exchange="https://outlook-dod.office365.us",
        exchange_scope="https://outlook-dod.office365.us/.default",
        compliance="https://l5.ps.compliance.protection.office365.us",
        compliance_scope="https://ps.compliance.protection.office365.us/.default",
        management="https://management.usgovcloudapi.net",
        assertion_audience="api://AzureADTokenExchangeUSGov",
        graph="https://dod-graph.microsoft.us",
        graph_scope="https://dod-graph.microsoft.us/.default",
        activity="https://manage.protection.apps.mil",
        activity_scope="https://manage.protection.apps.mil/.default",
    ),
    "china": Endpoints(
        login="https://login.chinacloudapi.cn",
        exchange="https://partner.outlook.cn",
        exchange_scope="https://partner.outlook.cn/.default",
        compliance="https://ps.compliance.protection.partner.outlook.cn",
        compliance_scope="https://ps.compliance.protection.partner.outlook.cn/.default",
        management="https://management.chinacloudapi.cn",
        assertion_audience="api://AzureADTokenExchangeChina",
        graph="https://microsoftgraph.chinacloudapi.cn",
        graph_scope="https://microsoftgraph.chinacloudapi.cn/.default",
        activity="https://manage.office365.cn",
        activity_scope="https://manage.office365.cn/.default",
    ),
}
