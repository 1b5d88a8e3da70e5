# ruff: noqa: E501 - a table's row stays a row
"""Writes docs/life-of-a-correction.md; its drawing is made from the machine's table, so that both say the same."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from domain.corrections import TRANSITIONS

_PAGE = """# The life of a correction

A correction is the life of one step: one cmdlet call, or one change in DNS. A plan holds several. Its whole machine is
the table `TRANSITIONS` in `domain/corrections.py`, and one pure function reads it: `advance(correction, event, now)`.
This page is written by `make docs`, and the drawing is that table.

```mermaid
{drawing}
```

The rounded names before the end are phases, `proven`, `superseded`, `no_effect` and `refused` are endings. An event
that has no arrow changes nothing: it came twice, too late or too soon.

## One correction, from drift to proof

An admin of Northwind disables the connector `ExchangeDefender` at 09:12.

1. **Drift.** The check of 09:15 reads the connector and finds `Enabled` false. It saves the state of
   `inbound-lockdown` as `drifted`, with the ledger entry `drift_found`, and puts a remediation on the queue. The message
   names the control and nothing that was seen.
2. **Planned.** The remediation takes the tenant's lease, reads the tenant again and plans one step:
   `Set-InboundConnector -Identity 'ExchangeDefender' -Enabled $true`. The gate (`domain/gate.py`) is asked for the plan.
   A refusal would leave the control `held` with the gate's name and reason. It passes: the state becomes `correcting`
   with one correction, and the entry `applying` lists the step and every answer of the gate, before anything is written.
3. **Sent.** The correction is saved as sent. Then the gate is asked once more, on what is true at this moment, and last
   of all the brake; then the step goes out. A worker that dies between the two leaves a correction that may or may not
   have happened, and says so.
4. **Answered.** Exchange says that it is done. That proves nothing yet: its replicas lag by seconds to minutes.
5. **Proven.** The remediation reads again, after 0, 1, 2 and 4 seconds, and then each time that the queue gives the job
   back. The look that compared `Enabled` and found it true ends the correction. The state becomes `compliant`, and the
   entry `corrected` names the entry `applying`, with what was found before and what was read after.

## When it goes otherwise

| what happens | what becomes of the correction | what people see |
|---|---|---|
| a gate says no, or somebody changed the record first, or the service turns the step away undone | back to `planned`, due at once: the next look plans afresh | `held`, `awaiting_approval`, `excepted` or `drifted`, with the reason |
| no answer comes | stays `sent`: the next looks tell whether it happened | `correcting` |
| *lost*: it was sent without an answer and a look finds the old value | back to `planned`, due at once. A `New-*` has had 20 minutes to show, so that there is no second object | `correcting`, then as planned anew |
| *too early*: the service has not seen yet what the step needs | back to `planned`, due in 6 hours, for 4 days | `held` |
| the service refuses | ends `refused`; due in 6 hours, as a role may have been granted, or when a person asks; never by itself for a control that is tried once | `needs_person`, with what to do by hand |
| it was answered and does not show after 5 minutes | ends `no_effect`; due as after a refusal | `needs_person` |
| the object is gone, or there are two of them | ends `superseded`: nobody can prove it any more | entry `superseded`, then what is there now |
| the tenant cannot be read | nothing: a failed read ends no correction | `correcting`, after 5 minutes `unknown` |

What outlives a correction is one memory for each step (`Memory`): when it last failed and why, when it is due again,
how often its provider hindered it, and when what it created was proven. So nothing loops, and whoever comes after a
crash knows as much as whoever was there before.

A correction that is back in `planned` is not kept as a plan. What is written next comes from the next look, never from
what was meant before: a lost, doubled or late message costs time only.
"""


def drawing() -> str:
    """The table as a Mermaid state diagram."""
    phases = dict.fromkeys(each.phase for each in TRANSITIONS)
    endings = dict.fromkeys(each.to for each in TRANSITIONS if each.to not in phases)
    arrows = [f"    {each.phase} --> {each.to}: {each.when}" for each in TRANSITIONS]
    ends = [f"    {ending} --> [*]" for ending in endings]
    return "\n".join(["stateDiagram-v2", "    [*] --> planned: a look found drift", *arrows, *ends])


def page() -> str:
    """The whole page as Markdown."""
    return _PAGE.format(drawing=drawing())


if __name__ == "__main__":
    Path(__file__).with_name("life-of-a-correction.md").write_text(page(), "utf-8")
