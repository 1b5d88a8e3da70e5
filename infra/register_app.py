"""Makes an app registration in Entra ID, or brings one that is there back to what it should be.

Two are needed, both in the home tenant: the multi-tenant one that customers consent to, with the permissions of
app-roles.json, and with --api the one of the API and the console, with the roles and the scope of api-app.json. Needs
the Azure CLI, signed in as Application Administrator (for --group also Privileged Role Administrator, or Cloud
Application Administrator with the right to assign roles). Prints the client id; what is done goes to standard error.
"""

import argparse
import base64
import hashlib
import json
import re
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

HERE = Path(__file__).parent

AUDIENCES = {
    "AzureCloud": "api://AzureADTokenExchange",
    "AzureUSGovernment": "api://AzureADTokenExchangeUSGov",
    "AzureChinaCloud": "api://AzureADTokenExchangeChina",
}
"""For whom a managed identity's token is made out as a federated credential, by the CLI's name of the cloud."""

EXCHANGE_ROLES = ("View-Only Configuration", "Remote and Accepted Domains", "Transport Rules", "Transport Hygiene")
"""What Holdfast's Exchange cmdlets need (Microsoft365DSC's list for each cmdlet)."""

Json = dict[str, Any]


class RefusalError(Exception):
    """What cannot be done, as a sentence."""


class Cli:
    """The Azure CLI. With *pretend* it reads, and says what it would change."""

    def __init__(self, *, pretend: bool) -> None:
        self._pretend = pretend
        self.graph = self.ask("cloud", "show", "--query", "endpoints.microsoftGraphResourceId").rstrip("/") + "/v1.0"

    def ask(self, *arguments: str) -> str:
        """Run a command that changes nothing, and return what it prints.

        Raises:
            RefusalError: The CLI is not there, or refuses.
        """
        return self._run(*arguments, "--output", "tsv")

    def get(self, path: str) -> Json | None:
        """Read an object of Microsoft Graph; None where there is none."""
        try:
            answer: Json = json.loads(self._run("rest", "--method", "get", "--url", f"{self.graph}/{path}"))
        except RefusalError as error:
            if re.search("not ?found|does not exist", str(error), re.IGNORECASE):
                return None
            raise
        return answer

    def change(self, what: str, method: str, path: str, body: Json) -> Json:
        """Change one thing at Microsoft Graph, and say so; return what it answers."""
        return self.run(what, "rest", "--method", method, "--url", f"{self.graph}/{path}", "--body", json.dumps(body))

    def run(self, what: str, *arguments: str) -> Json:
        """Run a command that changes something, and say what; return what it answers."""
        print(f"{'would ' if self._pretend else ''}{what}", file=sys.stderr)
        answer = "" if self._pretend else self._run(*arguments)
        return json.loads(answer) if answer else {}

    @staticmethod
    def _run(*arguments: str) -> str:
        try:
            run = subprocess.run(["az", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607
        except FileNotFoundError:
            raise RefusalError("the Azure CLI (az) is not on the PATH") from None
        if run.returncode:
            raise RefusalError(run.stderr.strip() or f"az {arguments[0]} {arguments[1]}: failed")
        return run.stdout.strip()


def manifest(*, api: bool, url: str) -> Json:
    """What a registration should be, as Microsoft Graph has it. *url*: the API's base URL, if known."""
    page = "console/signed-in" if api else "console/consented"
    wanted: Json = (
        json.loads((HERE / "api-app.json").read_text("utf-8"))
        if api
        else {
            "signInAudience": "AzureADMultipleOrgs",
            "requiredResourceAccess": json.loads((HERE / "app-roles.json").read_text("utf-8")),
        }
    )
    return wanted | ({"web": {"redirectUris": [f"{url.rstrip('/')}/{page}"]}} if url else {})


def missing(wanted: Json, there: Json) -> Json:
    """What is to be written so that *there* holds *wanted*. Redirect URIs that are there stay."""
    kept = there.get("web", {}).get("redirectUris", [])
    if "web" in wanted:
        wanted = wanted | {"web": {"redirectUris": sorted({*kept, *wanted["web"]["redirectUris"]})}}
    return {name: value for name, value in wanted.items() if not _holds(value, there.get(name))}


def _holds(wanted: Any, there: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether *there* says all that *wanted* does: an object may say more, a list is the same in any order."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(_holds(value, there.get(name)) for name, value in wanted.items())
    if isinstance(wanted, list):
        same = isinstance(there, list) and len(there) == len(wanted)
        return same and all(any(_holds(each, one) for one in there) for each in wanted)
    return bool(wanted == there)


def named(cli: Cli, kind: str, name: str) -> list[Json]:
    """The objects of a kind with that display name; OData doubles an apostrophe."""
    quoted = quote("displayName eq '{}'".format(name.replace("'", "''")))
    return list((cli.get(f"{kind}?$filter={quoted}") or {}).get("value", []))


def registration(cli: Cli, name: str, wanted: Json) -> Json:
    """Find the registration of that name and bring it back, or make it.

    Raises:
        RefusalError: There are several.
    """
    match named(cli, "applications", name):
        case []:
            made = cli.change(f"register {name}", "post", "applications", {"displayName": name} | wanted)
            return made or {"appId": "(new)", "id": "(new)"}
        case [there]:
            if lacking := missing(wanted, there):
                cli.change(f"set {', '.join(lacking)} of {name}", "patch", f"applications/{there['id']}", lacking)
            return dict(there)
        case _:
            raise RefusalError(f"there are several registrations named {name}: give another --name")


def principal(cli: Cli, app: Json) -> Json:
    """The registration's service principal in the home tenant, made where there is none."""
    there = cli.get(f"servicePrincipals(appId='{app['appId']}')") if app["appId"] != "(new)" else None
    return there or cli.change("make its service principal", "post", "servicePrincipals", {"appId": app["appId"]})


def federate(cli: Cli, app: Json, subject: str) -> None:
    """Trust a managed identity as a credential of the app. Issuer and subject are compared letter by letter."""
    audience = AUDIENCES.get(cloud := cli.ask("cloud", "show", "--query", "name"))
    if not audience:
        raise RefusalError(f"the audience of federated credentials in {cloud} is not known")
    path = f"applications/{app['id']}/federatedIdentityCredentials"
    known = (cli.get(path) or {}).get("value", []) if app["id"] != "(new)" else []
    if any(each["subject"] == subject for each in known):
        return
    login = cli.ask("cloud", "show", "--query", "endpoints.activeDirectory").rstrip("/")
    issuer = f"{login}/{cli.ask('account', 'show', '--query', 'tenantId')}/v2.0"
    body = {"name": f"holdfast-{subject}", "issuer": issuer, "subject": subject, "audiences": [audience]}
    cli.change(f"trust the identity {subject}", "post", path, body)


def certify(cli: Cli, app: Json, file: Path) -> None:
    """Add a certificate beside those that are there, so that the old one works until the app has the new one."""
    raw = file.read_bytes()
    der = ssl.PEM_cert_to_DER_cert(raw[raw.index(b"-----BEGIN CERT") :].decode()) if b"-----BEGIN" in raw else raw
    thumbprint = hashlib.sha1(der).digest()  # noqa: S324 - Entra's name of a certificate
    known = app.get("keyCredentials", [])
    if {thumbprint.hex().upper(), base64.b64encode(thumbprint).decode()} & {c["customKeyIdentifier"] for c in known}:
        return
    arguments = ("ad", "app", "credential", "reset", "--id", app["appId"], "--cert", f"@{file}", "--append")
    cli.run(f"add the certificate {thumbprint.hex().upper()}", *arguments)


def assign(cli: Cli, service: Json, app: Json, given: str) -> None:
    """Give a group of people one of the API's roles; make the group where there is none. *given*: ROLE=GROUP."""
    role, _, name = given.partition("=")
    roles = {each["value"]: each["id"] for each in app.get("appRoles") or manifest(api=True, url="")["appRoles"]}
    if role not in roles or not name:
        raise RefusalError(f"--group: should be ROLE=GROUP with one of {', '.join(sorted(roles))}")
    found = named(cli, "groups", name)
    if len(found) > 1:
        raise RefusalError(f"there are several groups named {name}")
    nickname = re.sub(r"\W+", "-", name).strip("-")
    body = {"displayName": name, "mailEnabled": False, "securityEnabled": True, "mailNickname": nickname}
    [group] = found or [cli.change(f"make the group {name}", "post", "groups", body)]
    path = f"groups/{group.get('id', '(new)')}/appRoleAssignments"
    known = (cli.get(path) or {}).get("value", []) if group else []
    if not any((each["resourceId"], each["appRoleId"]) == (service.get("id"), roles[role]) for each in known):
        given_to = {"principalId": group.get("id"), "resourceId": service.get("id"), "appRoleId": roles[role]}
        cli.change(f"give {name} the role {role}", "post", path, given_to)


def role_group(client_id: str) -> str:
    """The PowerShell that gives the app an Exchange role group in a customer's tenant, once it has consented."""
    roles = ", ".join(f"'{role}'" for role in EXCHANGE_ROLES)
    return (
        f"$sp = Get-MgServicePrincipal -Filter \"appId eq '{client_id}'\"\n"
        f"New-ServicePrincipal -AppId {client_id} -ObjectId $sp.Id -DisplayName Holdfast\n"
        f"New-RoleGroup -Name Holdfast -Roles {roles} -Members $sp.Id"
    )


def _file(name: str) -> Path:
    if not (path := Path(name)).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {name}")
    return path


def main() -> int:
    parser = argparse.ArgumentParser(prog="register-app.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--api", action="store_true", help="the registration of API and console, not the customers'")
    parser.add_argument("--name", help="its display name (Holdfast; with --api Holdfast API)")
    parser.add_argument("--url", default="", help="the API's base URL: people come back to a page of it")
    parser.add_argument("--federate", metavar="PRINCIPAL", help="object id of an identity that is to be a credential")
    parser.add_argument("--certificate", type=_file, metavar="FILE", help="public part, PEM or DER, to be a credential")
    parser.add_argument("--group", action="append", default=[], metavar="ROLE=GROUP", help="with --api: who has a role")
    parser.add_argument("--role-group", action="store_true", help="print what a customer runs in Exchange PowerShell")
    parser.add_argument("--what-if", action="store_true", help="only say what would be changed")
    asked = parser.parse_args()
    name = asked.name or ("Holdfast API" if asked.api else "Holdfast")
    try:
        cli = Cli(pretend=asked.what_if)
        app = registration(cli, name, manifest(api=asked.api, url=asked.url))
        service = principal(cli, app)
        if asked.federate:
            federate(cli, app, asked.federate)
        if asked.certificate:
            certify(cli, app, asked.certificate)
        for given in asked.group:
            assign(cli, service, app, given)
    except RefusalError as refusal:
        print(f"register-app: {refusal}", file=sys.stderr)
        return 1
    print(role_group(app["appId"]) if asked.role_group else app["appId"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
