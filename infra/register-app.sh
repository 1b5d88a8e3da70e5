#!/bin/sh
# Registers the multi-tenant app that customers consent to, with the app roles of app-roles.json; run again, it brings
# the registration back to that. Needs the Azure CLI, signed in to the home tenant as Application Administrator.
#
#   infra/register-app.sh [--name NAME] [--federate PRINCIPAL_ID] [--certificate FILE.cer]
#
#   --name         the registration's display name (Holdfast)
#   --federate     object id of the function app's identity, which is to be a credential of the app
#   --certificate  a certificate (public part, PEM or DER), which is to be one
#
# Prints the client id.
set -eu

here=$(dirname "$0")
name=Holdfast principal='' certificate=''

fail() {
  echo "register-app: $1" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail "$1 needs a value"
  case $1 in
    --name) name=$2 ;;
    --federate) principal=$2 ;;
    --certificate) certificate=$2 ;;
    *) fail "there is no option $1" ;;
  esac
  shift 2
done

command -v az >/dev/null || fail "the Azure CLI (az) is not on the PATH"
tenant=$(az account show --query tenantId --output tsv) || fail "sign in first: az login"
[ -z "$certificate" ] || [ -f "$certificate" ] || fail "there is no file $certificate"

found=$(az ad app list --filter "displayName eq '$name'" --query '[].appId' --output tsv)
case $(printf '%s' "$found" | grep -c .) in
  0)
    id=$(az ad app create --display-name "$name" --sign-in-audience AzureADMultipleOrgs \
      --required-resource-accesses "@$here/app-roles.json" --query appId --output tsv)
    ;;
  1)
    id=$found
    az ad app update --id "$id" --sign-in-audience AzureADMultipleOrgs \
      --required-resource-accesses "@$here/app-roles.json"
    ;;
  *) fail "there are several registrations named $name: give another --name" ;;
esac
az ad sp show --id "$id" >/dev/null 2>&1 || az ad sp create --id "$id" >/dev/null

if [ -n "$principal" ]; then
  # Issuer and subject are compared letter by letter; the audience is that of the cloud (docs/reference/entra.md#federated-credentials).
  login=$(az cloud show --query endpoints.activeDirectory --output tsv)
  case $(az cloud show --query name --output tsv) in
    AzureCloud) audience=api://AzureADTokenExchange ;;
    AzureUSGovernment) audience=api://AzureADTokenExchangeUSGov ;;
    AzureChinaCloud) audience=api://AzureADTokenExchangeChina ;;
    *) fail "the audience of federated credentials in this cloud is not known" ;;
  esac
  known=$(az ad app federated-credential list --id "$id" --query "[?subject=='$principal'].name" --output tsv)
  [ -n "$known" ] || az ad app federated-credential create --id "$id" --parameters "{
      \"name\": \"holdfast-$principal\",
      \"issuer\": \"${login%/}/$tenant/v2.0\",
      \"subject\": \"$principal\",
      \"audiences\": [\"$audience\"]
    }" >/dev/null
fi

# Beside those that are there, so that the old one works until the app has the new one.
[ -z "$certificate" ] || az ad app credential reset --id "$id" --cert "@$certificate" --append >/dev/null

echo "$id"
