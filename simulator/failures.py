"""What a cmdlet refuses, as a value: the status, the .NET type and the text.

Source: docs/reference/exchange.md#errors, #statuses.
"""

from typing import Literal

type Form = Literal["pipe", "json", "bare"]
"""How the reason is told: pipe-separated detail, a detail that is JSON, or no detail but an inner exception."""

_CODES = {400: "BadRequest", 403: "Forbidden", 404: "NotFound"}


class CmdletError(Exception):
    """The cmdlet did not run, or not to its end.

    Args:
        text: what Exchange says.
        kind: the .NET exception type, in full.
        status: the HTTP status.
        form: where the text stands in the envelope.
        ident: the identifier in front of the first pipe; may be empty.
    """

    def __init__(self, text: str, kind: str, *, status: int = 400, form: Form = "pipe", ident: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.kind = kind
        self.status = status
        self.form = form
        self.ident = ident

    @property
    def code(self) -> str:
        return _CODES[self.status]


class UnknownCmdletError(Exception):
    """The service has no such cmdlet, or the caller's roles do not show it: the two cannot be told apart."""


def not_found(identity: str) -> CmdletError:
    return CmdletError(
        f"The operation couldn't be performed because object '{identity}' couldn't be found on"
        " 'EXAMPLEDC01.EURPR00A001.PROD.OUTLOOK.COM'.",
        "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
        status=404,
        ident="Ex6F9304",
    )


def already_exists(name: str, form: Form) -> CmdletError:
    return CmdletError(
        f"The object 'CN={name},CN=Transport Settings,CN=Configuration' already exists.",
        "Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException",
        form=form,
        ident="Ex1F6A11",
    )


def unknown_parameter(cmdlet: str, name: str) -> CmdletError:
    return CmdletError(
        f"Parameter set cannot be resolved using the specified named parameters. '{name}' ({cmdlet})",
        "System.Management.Automation.AmbiguousParameterSetException",
    )


def missing_parameters(names: list[str]) -> CmdletError:
    return CmdletError(
        f"Cannot process command because of one or more missing mandatory parameters: {' '.join(names)}.",
        "System.Management.Automation.ParameterBindingException",
    )


def unconvertible(name: str, text: str) -> CmdletError:
    """A value of the wrong type; the text stands in the inner exception only (5.1: details can be missing)."""
    return CmdletError(
        f"Cannot process argument transformation on parameter '{name}'. {text}",
        "System.Management.Automation.ParameterTransformationException",
        form="bare",
    )


def invalid(text: str) -> CmdletError:
    """A value that binds but breaks a rule of the cmdlet. Status 400 per rule is (unconfirmed)."""
    return CmdletError(text, "Microsoft.Exchange.Configuration.Tasks.TaskInvalidOperationException", ident="ExB1E2A7")


def confirmation_needed(cmdlet: str) -> CmdletError:
    return CmdletError(
        f"{cmdlet}: A command that prompts the user failed because the host program or the command type does not"
        " support user interaction.",
        "System.Management.Automation.Host.HostException",
    )


def dehydrated() -> CmdletError:
    return CmdletError(
        "The command you tried to run isn't currently allowed in your organization. To run this command, you first"
        " need to run the command: Enable-OrganizationCustomization.",
        "Microsoft.Exchange.Configuration.Tasks.InvalidOperationInDehydratedContextException",
        ident="Ex3E6D1C",
    )
