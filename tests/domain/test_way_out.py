from domain.facts import Facts
from domain.way_out import of_others, opening
from tests.domain.builders import healthy, reading, wanted


def facts(**changed):
    rows = healthy()
    rows["Get-InboundConnector"].append({**rows["Get-InboundConnector"][0], **changed})
    return Facts(reading(rows))


def test_a_connector_that_restricts_by_certificate_is_loosened_and_closed_again_by_it():
    seen = facts(
        Identity="Old", Name="Old", SenderIPAddresses=[], RestrictDomainsToIPAddresses=False,
        RestrictDomainsToCertificate=True, TlsSenderCertificateName="mail.partner.example",
    )  # fmt: skip
    plan = opening(seen)
    assert plan is not None
    assert [step.powershell for step in plan.steps] == [
        "Set-InboundConnector -Identity 'ExchangeDefender' -RestrictDomainsToIPAddresses $false",
        "Set-InboundConnector -Identity 'Old' -RestrictDomainsToCertificate $false",
    ]
    [finding] = of_others(seen, wanted())
    assert (finding.name, finding.value) == ("Old", "mail.partner.example")
    assert "-RestrictDomainsToCertificate $true" in finding.lets_in


def test_where_nothing_restricts_there_is_nothing_to_loosen():
    rows = healthy()
    for row in rows["Get-InboundConnector"]:
        row["RestrictDomainsToIPAddresses"] = False
    assert opening(Facts(reading(rows))) is None
    assert of_others(Facts(reading(rows)), wanted()) == ()
