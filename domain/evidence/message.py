"""The monthly message: what a customer keeps, so that anyone can check the ledger later without us."""

import json
from dataclasses import asdict

from pydantic import TypeAdapter

from domain.chain import Proof
from domain.ledger import Entry
from domain.shown import visible

EVIDENCE = "evidence-"
"""How the cause of a monthly message begins; the month follows."""


def is_monthly(cause: str) -> bool:
    return cause.startswith(EVIDENCE)


def monthly_title(cause: str, tenant: str) -> str:
    return visible(f"Mail protection of {cause.removeprefix(EVIDENCE)} ({tenant})")[:90]


def monthly_text(entry: Entry) -> str:
    """The text for the entry that names the month's evidence. Its last line is what `verify --from-export` takes."""
    month = entry.control.removeprefix(EVIDENCE)
    made = f"The evidence of {month} was made: {visible(entry.detail)}."
    if not entry.after.get("proof"):
        return made
    proof = _PROOF.validate_python(entry.after["proof"])
    head = proof.head
    where = f"the ledger of this tenant had {head.sequence} entries, the last with the hash {head.hash}"
    keep = "Keep this message. With it anyone can check later that nothing of the ledger was changed: save it as a file"
    return "\n".join(
        [
            made,
            f"At {proof.at}:00 UTC {where}, under the root {proof.root}.",
            f"{keep}, and run `holdfast ledger verify --from-export FILE`, alone or with an export of the ledger.",
            json.dumps({"kind": "proof", **asdict(proof)}),
        ]
    )


_PROOF = TypeAdapter(Proof)
