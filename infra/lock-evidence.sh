#!/bin/sh
# Lock the policy on the hourly roots (container anchors): from then on nobody, Microsoft's support included, can shorten
# it or remove a root before its time, and the storage account cannot be deleted while it holds one.
# usage: infra/lock-evidence.sh RESOURCE_GROUP
set -eu

group=${1:?usage: infra/lock-evidence.sh RESOURCE_GROUP}
# Not the account of the packages, which is in the group as well.
account=$(az storage account list --resource-group "$group" --query "[?starts_with(name, 'stholdfast')].name | [0]" --output tsv)
[ -n "$account" ] || { echo "lock-evidence: $group has no storage account of Holdfast's" >&2; exit 1; }

policy() {
  az storage container immutability-policy "$@" --resource-group "$group" --account-name "$account" --container-name anchors
}

if [ "$(policy show --query state --output tsv)" != Locked ]; then
  days=$(policy show --query immutabilityPeriodSinceCreationInDays --output tsv)
  etag=$(policy show --query etag --output tsv)
  until=$(python3 -c "import datetime, sys; print(datetime.date.today() + datetime.timedelta(int(sys.argv[1])))" "$days")
  echo "Each root in $account/anchors is kept for $days days: one written today can be removed on $until, and not before."
  echo "This cannot be undone: until the last root's time is over, the account and its resource group cannot be deleted."
  printf 'Type the name of the storage account to lock it: '
  read -r typed
  [ "$typed" = "$account" ] || { echo "lock-evidence: nothing was locked" >&2; exit 1; }
  policy lock --if-match "$etag" --output none
fi

# A locked policy is deployed no more: the deployment would be refused.
if command -v azd >/dev/null; then azd env set HOLDFAST_EVIDENCE_LOCKED true; fi
echo "The policy is locked. Where you deploy without azd, set the parameter evidenceLocked to true."
