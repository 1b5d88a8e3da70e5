"""The month as a page that prints: HTML in one piece, no script, the bars as inline SVG, A4 by its own style."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape

from domain.control import Drift
from domain.evidence.brand import Brand
from domain.evidence.fleet import FleetMonth
from domain.evidence.month import ControlMonth, DriftOfMonth, Month, percent
from domain.evidence.spans import Condition
from domain.evidence.table import setting_text
from domain.shown import capped

BAR_WIDTH = 400
BAR_HEIGHT = 14
_NARROWEST = 1.5
"""A minute of a month would else be no dot."""

_COLOURS: dict[Condition, str] = {
    "proven": "#2e7d4f",
    "drifted": "#c0392b",
    "held": "#d9a441",
    "unknown": "#b9bec4",
    "not_applicable": "#eef0f2",
}
_PATTERNS: dict[Condition, str] = {"drifted": "drift", "held": "held"}
"""Hatched, so that a page without colours can be read."""


def as_page(month: Month, brand: Brand) -> str:
    """The whole page."""
    title = f"Mail protection of {month.name}, {_named(month.start)}"
    parts = (
        _head(month, brand),
        _summary(month),
        _section("Settings through the month", _controls(month)),
        _section("Drift", _drifts(month.drifts)),
        _section("The mail itself", _mail_flow(month)),
        _section("Accepted by a person", _accepted(month)),
        _section("Findings that wait for a person", _findings(month)),
        _section("Asked of a person in the month", _asked(month)),
        _section("Defender alerts", _alerts(month)),
        _section("How this can be checked", _proof(month)),
    )
    return _document(title, parts)


def _document(title: str, parts: Iterable[str]) -> str:
    content = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>{_HATCHES}\n{content}\n</body></html>\n"
    )


def fleet_as_page(fleet: FleetMonth, brand: Brand) -> str:
    """The MSP's own page: worst first."""
    rows = [
        (
            _text(each.name),
            percent(each.proven),
            f"{each.fixed} of {each.drifts}",
            str(each.findings),
            str(each.alerts_closed),
        )
        for each in sorted(fleet.tenants, key=lambda each: (each.proven, each.name))
    ]
    columns = ("tenant", "proven", "drifts put back", "findings wait", "false alerts closed")
    missing = f"<p>{len(fleet.missing)} tenants have no evidence of this month.</p>" if fleet.missing else ""
    title = f"Mail protection of all tenants, {fleet.month}"
    logo = f'<img src="{escape(brand.logo)}" alt="{_text(brand.name)}">' if brand.logo else ""
    words = f"<p class='by'>{_text(brand.name)}</p><h1>All tenants</h1><p>{_text(fleet.month)}</p>"
    head = f"<header>{logo}<div>{words}</div></header>"
    return _document(title, [head, _section("Tenants", _table(columns, rows) or "<p>None.</p>"), missing])


def bar(control: ControlMonth, month: Month) -> str:
    """The month of one control as a bar, a picture with a text for who does not see it."""
    total = max(1.0, (month.end - month.start).total_seconds())
    cells = []
    for span in sorted(control.spans, key=lambda each: each.standing != "proven"):  # nothing lies on what is bad
        x = (span.start - month.start).total_seconds() / total * BAR_WIDTH
        width = max(_NARROWEST, span.length.total_seconds() / total * BAR_WIDTH)
        places = f'x="{x:.2f}" width="{width:.2f}" height="{BAR_HEIGHT}"'
        cells.append(f'<rect {places} fill="{_COLOURS[span.standing]}"/>')
        if pattern := _PATTERNS.get(span.standing):
            cells.append(f'<rect {places} fill="url(#{pattern})"/>')
    said = ", ".join(f"{seconds / total:.1%} {_word(standing)}" for standing, seconds in control.seconds.items())
    return (
        f'<svg viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{_text(said)}">'
        f"<title>{_text(said)}</title>{''.join(cells)}</svg>"
    )


def _head(month: Month, brand: Brand) -> str:
    logo = f'<img src="{escape(brand.logo)}" alt="{_text(brand.name)}">' if brand.logo else ""
    state = "" if month.complete else " (the month is not over)"
    return (
        f"<header>{logo}<div><p class='by'>{_text(brand.name)}</p><h1>{_text(month.name)}</h1>"
        f"<p>Mail protection, {_named(month.start)}{state}. Tenant {_text(month.tenant_id)}, "
        f"made {_time(month.made_at)}.</p></div></header>"
    )


def _summary(month: Month) -> str:
    fixed = sum(1 for each in month.drifts if each.fixed_at)
    closed = sum(1 for each in month.alerts if each.verdict == "closed")
    figures = (
        (percent(month.proven), "of the time proven as documented"),
        (f"{fixed} of {len(month.drifts)}", "drifts put back and proven"),
        (str(len(month.findings)), "findings wait for a person"),
        (str(closed), "false alerts closed with evidence"),
    )
    return f"<ul class='figures'>{''.join(f'<li><b>{value}</b>{what}</li>' for value, what in figures)}</ul>"


def _controls(month: Month) -> str:
    rows = [
        (_text(each.title), percent(each.proven) if _applies(each) else "-", bar(each, month), _word(each.at_end))
        for each in month.controls
    ]
    legend = "".join(
        f'<span><svg viewBox="0 0 14 14"><rect width="14" height="14" fill="{colour}"/>'
        f'<rect width="14" height="14" fill="{_hatch(standing)}"/></svg>{_word(standing)}</span>'
        for standing, colour in _COLOURS.items()
    )
    through = f"{_day(month.start)} to {_day(month.end - timedelta(seconds=1))}"
    table = _table(("setting", "proven", through, "at the end"), rows, "controls")
    note = "Proven: between two good looks at most two intervals apart. Held: by a gate, for a person, or accepted."
    return f"<p class='legend'>{legend}</p><p class='note'>{note}</p>{table}"


def _hatch(standing: Condition) -> str:
    return f"url(#{_PATTERNS[standing]})" if standing in _PATTERNS else "none"


def _drifts(drifts: Sequence[DriftOfMonth]) -> str:
    rows = [
        (
            _text(each.control),
            "<br>".join(map(_field, each.fields)),
            _text(each.by or "not named"),
            f"{_time(each.seen_at)}<small>last good<br>{_time(each.last_good)}</small>",
            _time(each.fixed_at) if each.fixed_at else "not proven fixed",
        )
        for each in drifts
    ]
    return _table(("setting", "what", "by", "seen", "proven fixed"), rows) or "<p>None was seen.</p>"


def _field(drift: Drift) -> str:
    return f"{_text(drift.field)}: {_text(setting_text(drift.found))}, wanted {_text(setting_text(drift.wanted))}"


def _mail_flow(month: Month) -> str:
    flow = month.mail_flow
    if flow.standing == "not asked":
        return "<p>The message trace was not asked: nothing is said here of mail that came round the filter.</p>"
    return f"<p>{_word(flow.standing).capitalize()}: {_text(flow.detail)} (read {_time(flow.read_at)}).</p>"


def _accepted(month: Month) -> str:
    rows = [
        (each.kind, _text(each.control), _text(each.what), _text(each.reason), _text(each.owner), _time(each.until))
        for each in month.accepted
    ]
    return _table(("kind", "setting", "what", "why", "owner", "until"), rows) or "<p>Nothing.</p>"


def _findings(month: Month) -> str:
    rows = [
        (
            _text(each.id),
            _text(each.kind),
            _text(f"{each.value} on {each.name}"),
            _text(each.lets_in),
            _time(each.since),
        )
        for each in month.findings
    ]
    return _table(("id", "kind", "what", "lets in", "since"), rows) or "<p>None.</p>"


def _asked(month: Month) -> str:
    rows = [(_time(each.at), _text(each.control), _text(each.detail)) for each in month.asked]
    return _table(("when", "setting", "what"), rows) or "<p>Nothing.</p>"


def _alerts(month: Month) -> str:
    rows = [(_time(each.at), each.verdict, _text(each.detail), str(each.messages or "-")) for each in month.alerts]
    return _table(("when", "verdict", "evidence", "messages"), rows) or "<p>None.</p>"


def _proof(month: Month) -> str:
    if month.proof is None:
        return "<p>The ledger has no hourly root yet: this page can be checked against the ledger only.</p>"
    at, root, head = month.proof.at, month.proof.root, month.proof.head
    return (
        "<p>Every line above is made from a ledger in which each entry is chained to the one before. At "
        f"{_text(at)}:00 UTC its last entry was number {head.sequence}, with the hash</p><pre>{head.hash}</pre>"
        f"<p>under the root over all chains</p><pre>{root}</pre>"
        "<p>The monthly message has the way from one to the other; <code>holdfast ledger verify --from-export</code> "
        "takes it, with or without an export of the ledger. It shows that nothing was changed afterwards. It cannot "
        "show that what was written was true when it was written.</p>"
    )


def _applies(control: ControlMonth) -> bool:
    return bool(set(control.seconds) - {"not_applicable"})


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _table(columns: Iterable[str], rows: Sequence[Iterable[str]], kind: str = "") -> str:
    """Rows of HTML; empty where there are none."""
    if not rows:
        return ""
    head = "".join(f"<th>{column}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _text(foreign: str) -> str:
    """What others wrote, as text that does nothing but stand there."""
    return escape(capped(foreign))


def _word(standing: str) -> str:
    return standing.replace("_", " ")


def _named(start: datetime) -> str:
    return start.strftime("%B %Y")


def _day(at: datetime) -> str:
    return at.strftime("%-d %b")


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "unknown"


_HATCHES = (
    '<svg width="0" height="0" aria-hidden="true" class="defs"><defs>'
    '<pattern id="drift" width="4" height="4" patternUnits="userSpaceOnUse">'
    '<path d="M0 4L4 0" stroke="#fff" stroke-width="1"/></pattern>'
    '<pattern id="held" width="4" height="4" patternUnits="userSpaceOnUse">'
    '<path d="M0 2H4" stroke="#fff" stroke-width="1"/></pattern></defs></svg>'
)

_STYLE = """
@page { size: A4; margin: 16mm 14mm 18mm; }
@page { @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; } }
* { box-sizing: border-box; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
body { font: 9.5pt/1.4 "Segoe UI", "Helvetica Neue", Arial, sans-serif; color: #1d2329; }
body { max-width: 182mm; margin: 0 auto; }
header { display: flex; gap: 12px; align-items: center; border-bottom: 2px solid #1d2329; padding-bottom: 8px; }
header img { max-height: 48px; max-width: 160px; }
h1 { font-size: 19pt; margin: 0; }
h2 { font-size: 12pt; margin: 18px 0 6px; break-after: avoid; }
p { margin: 4px 0; }
.by { text-transform: uppercase; letter-spacing: .08em; font-size: 8pt; color: #5b646d; }
.figures { display: grid; grid-template-columns: repeat(4, 1fr); gap: 10px; list-style: none; padding: 0; }
.figures li { border: 1px solid #d5dade; border-radius: 4px; padding: 8px; font-size: 8.5pt; break-inside: avoid; }
.figures b { display: block; font-size: 15pt; }
table { border-collapse: collapse; width: 100%; }
thead { display: table-header-group; }
th { text-align: left; font-size: 8pt; color: #5b646d; border-bottom: 1px solid #9aa3ab; padding: 3px 6px 3px 0; }
td { border-bottom: 1px solid #e3e7ea; padding: 4px 6px 4px 0; vertical-align: top; overflow-wrap: anywhere; }
td { min-width: 19mm; }
tr { break-inside: avoid; }
td:first-child { overflow-wrap: normal; }
.controls td { vertical-align: middle; min-width: 0; padding-block: 3px; }
.controls td:nth-child(3) { width: 45%; }
.controls td:nth-child(2), .controls td:nth-child(4) { white-space: nowrap; }
.controls svg { display: block; width: 100%; height: 11px; }
.legend { margin-bottom: 0; }
.legend span { margin-right: 14px; white-space: nowrap; font-size: 8.5pt; }
.legend svg { width: 10px; height: 10px; margin-right: 4px; }
.note, small { font-size: 8pt; color: #5b646d; }
small { display: block; }
pre { font: 7.5pt ui-monospace, Menlo, Consolas, monospace; background: #f4f6f7; padding: 4px 6px; margin: 3px 0; }
pre { overflow-wrap: anywhere; white-space: pre-wrap; }
.defs { position: absolute; }
"""
