"""Mail that the filter relays is not taken for spoofed.

Guide, Tenant Allow/Block Lists: the pairs `*, 65.99.255.0/24` and `*, 206.125.40.0/24`, spoof type External, action
Allow. Pairs that others made stay (exchange-admin-api 6.5: an entry is (user, infrastructure, type), and of an
entry only the action can be changed).
"""

from domain import normal
from domain.control import Compliant, Control, Drift, Drifted, Facts, Finding
from domain.exchange import AcceptedDomain, SpoofItem
from domain.profile import SpoofAllowValues
from domain.steps import Step, Value
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Finding:
    values = wanted.profile.spoof_allow
    found = [_pair(network, values, facts.all(SpoofItem)) for network in values.networks]
    off = [pair for pair in found if pair]
    return Drifted(tuple(drift for drift, _ in off), tuple(step for _, step in off)) if off else Compliant()


def _pair(network: str, values: SpoofAllowValues, items: tuple[SpoofItem, ...]) -> tuple[Drift, Step] | None:
    """The drift of one pair and the step that ends it; None where the pair is as documented."""
    same = [item for item in items if _is(item, network, values)]
    field = f"{values.spoofed_user}, {network}: Action"
    if not same:
        step = Step(
            "exchange",
            "New-TenantAllowBlockListSpoofItems",
            {
                "Identity": "Default",
                "SpoofedUser": values.spoofed_user,
                "SendingInfrastructure": network,
                "SpoofType": values.spoof_type,
                "Action": values.action,
            },
        )
        return Drift(field, values.action, None), step
    # Block beats Allow, so every entry of the pair must be Allow.
    blocked = [item for item in same if item.action != values.action]
    if not blocked:
        return None
    ids = tuple(item.identity for item in blocked)
    parameters: dict[str, Value] = {"Identity": "Default", "Ids": ids, "Action": values.action}
    return Drift(field, values.action, blocked[0].action), Step(
        "exchange", "Set-TenantAllowBlockListSpoofItems", parameters
    )


def _is(item: SpoofItem, network: str, values: SpoofAllowValues) -> bool:
    return (
        item.spoofed_user.strip().casefold() == values.spoofed_user.casefold()
        and normal.network(item.sending_infrastructure) == network
        and item.spoof_type == values.spoof_type
    )


CONTROL = Control(
    id="spoof-allow",
    title="Spoof allow pairs of the filter",
    guide="M365 Tenant Anti-phishing and Anti-spam Settings: Tenant Allow/Block Lists",
    lane="fast",
    sees=(SpoofItem, AcceptedDomain),
    judge=_judge,
    by_hand="Defender portal > Threat policies > Tenant Allow/Block Lists > Spoofed senders: add the pairs shown.",
)
