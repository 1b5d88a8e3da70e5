"""The editor of a tenant's config: an error at its field, the difference first, and only the version that was read."""

import re
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest

from domain.tenant import TenantConfig
from handlers.api import tenants
from handlers.api.routing import CallingPerson
from tests.handlers.console.browser import Browser, form_of
from tests.handlers.web import ask


class Filled(HTMLParser):
    """What a browser sends of the form for *path* as it stands."""

    def __init__(self, page: str, path: str) -> None:
        super().__init__()
        self.fields, self._path, self._within, self._name = dict[str, str](), path, False, ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        about = dict(attrs)
        if tag == "form":
            self._within = about["action"].endswith(self._path)
        elif tag in {"input", "select", "textarea"} and self._within:
            self._name = about["name"]
            if about.get("type") != "checkbox" or "checked" in about:
                self.fields[self._name] = about.get("value") or ""
        elif tag == "option" and "selected" in about:
            self.fields[self._name] = about["value"]

    def handle_data(self, data):
        if self.lasttag == "textarea" and self._within and data.strip():
            self.fields[self._name] = data


def filled(page: str, path: str) -> dict[str, str]:
    return Filled(page, path).fields


class Editor:
    """An admin at the editor of one tenant."""

    def __init__(self, browser: Browser, tenant_id: str) -> None:
        self.browser, self.path = browser, f"tenants/{tenant_id}/config"

    async def send(self, fields: dict[str, str]) -> tuple[int, str]:
        answer = await self.browser.ask("POST", self.path, urlencode(fields).encode(), origin=self.browser.origin)
        return answer.status_code, answer.get_body().decode()

    async def open(self, **changes: str) -> dict[str, str]:
        return filled(await self.browser.get(self.path), self.path) | {
            name.replace("__", "."): value for name, value in changes.items()
        }


@pytest.fixture
def editor(browser, tenant):
    browser.sign_in("Admin")
    return Editor(browser, tenant.tenant_id)


@pytest.fixture
def kept(service, tenant):
    return lambda: service.clients.storage.tenants.get(tenant.tenant_id)


async def test_what_is_wrong_stands_at_its_field_and_what_was_typed_is_still_there(editor):
    wrong = await editor.open(name="", labels="gold, two words", freeze__0__start="2026-01-02T00:00")
    status, page = await editor.send(wrong)
    assert status == 422
    for name in ("name", "labels", "freeze.0.end"):
        assert re.search(rf'id="{name}" name="{name}" aria-invalid="true" aria-describedby="why-{name}"', page)
        assert f'<a href="#{name}">' in page
    assert "&#39;two words&#39;" in page
    assert filled(page, editor.path)["labels"] == "gold, two words"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("overrides", '{"mx_suffixes": ["outlook.com"]}', "Microsoft"),
        ("overrides", '{"no_such_part": 1}', "no_such_part"),
        ("notify", "notify-nowhere", "no setting gives"),
    ],
)
async def test_what_only_the_service_can_see_is_told_before_anything_is_saved(editor, kept, name, value, said):
    before = await kept()
    status, page = await editor.send(await editor.open(**{name: value}))
    assert (status, said in re.findall(rf'id="why-{name}">([^<]*)<', page)[0]) == (422, True)
    assert await kept() == before


async def test_the_difference_is_seen_before_it_is_saved(editor, kept):
    status, page = await editor.send(
        await editor.open(
            labels="gold",
            controls__spf__mode="observe",
            freeze__0__start="2026-12-24T00:00",
            freeze__0__end="2026-12-27T00:00",
            freeze__0__reason="Christmas",
        )
    )
    shown = re.findall(r'<th scope="row">([^<]*)</th><td class="found">([^<]*)</td><td class="wanted">([^<]*)', page)
    assert ("labels", "", "gold") in shown
    assert ("freeze.0.reason", "", "Christmas") in shown
    assert (status, (await kept()).labels) == (200, ())
    again, edited = await editor.send(dict(form_of(page, editor.path)) | {"again": "yes"})
    assert (again, filled(edited, editor.path)["labels"]) == (200, "gold")
    saved, _ = await editor.send(dict(form_of(page, editor.path)) | {"confirmed": "yes"})
    config = await kept()
    assert (saved, config.labels, config.mode_of("spf"), config.freeze[0].reason) == (
        303,
        ("gold",),
        "observe",
        "Christmas",
    )


async def test_a_version_that_somebody_else_has_replaced_is_not_saved_but_shown_against_theirs(
    service, editor, kept, tenant
):
    opened = await editor.open(labels="gold")
    config = await kept()
    await service.look_after(tenant, mode="observe", name=config.name)
    status, page = await editor.send(opened | {"confirmed": "yes"})
    assert (status, 'role="alert"' in page, (await kept()).labels) == (412, True, ())
    assert re.search(r'<th scope="row">mode</th><td class="found">observe</td><td class="wanted">approve</td>', page)
    saved, _ = await editor.send(dict(form_of(page, editor.path)) | {"confirmed": "yes", "mode": "observe"})
    assert (saved, (await kept()).labels, (await kept()).mode) == (303, ("gold",), "observe")


async def test_the_page_has_the_version_as_the_api_has_it(service, editor, tenant):
    page = await editor.browser.ask("GET", editor.path)
    assert page.headers["etag"] == (await ask(service, "GET", f"tenants/{tenant.tenant_id}")).headers["etag"]


async def propose(editor, overrides):
    _, page = await editor.send(await editor.open(overrides=overrides))
    status, _ = await editor.send(dict(form_of(page, editor.path)) | {"confirmed": "yes"})
    assert status == 303


async def seen_in_inbox(browser):
    """The page to which the inbox leads, of the one config that waits."""
    [to] = re.findall(r'<a href="([^"]*)">See it</a>', await browser.get("inbox?kind=config"))
    return to


async def test_a_proposed_config_of_a_tenant_that_is_not_looked_after_yet_is_seen_and_approved(service, browser):
    new = service.world.add_tenant("new.example")
    config = TenantConfig(
        tenant_id=new.tenant_id,
        name="New",
        initial_domain=new.initial_domain,
        overrides={"delivery_networks": ["65.99.255.0/24", "192.0.2.0/24"]},
    )
    wish, ann = tenants.ShownTenant.of(config, ""), CallingPerson("ann@msp.example", "oid oid-ann")
    await tenants.put_tenant(new.tenant_id, wish, tenants.Conditions(), ann, service.clients)
    browser.sign_in("Reader")
    on = await seen_in_inbox(browser)
    page = await browser.get(on)
    assert re.search(r'<th scope="row">overrides</th><td class="found"></td><td class="wanted">[^<]*192.0.2.0/24', page)
    assert ("not looked after yet" in page, "<form method" in page.partition("<main")[2]) == (True, False)
    browser.sign_in("Admin", name="bob@msp.example")
    taken = await browser.send(f"tenants/{new.tenant_id}/config/approve", on)
    assert taken.status_code == 303
    assert "New" in await browser.get(taken.headers["location"])
    assert await service.clients.storage.tenants.get(new.tenant_id) == config
    await browser.get(on, status=404)


async def test_what_lets_in_more_is_proposed_and_approved_by_another_person(service, editor, kept):
    wide = await editor.open(overrides='{"delivery_networks": ["65.99.255.0/24", "192.0.2.0/24"]}')
    _, page = await editor.send(wide)
    assert "waits for another person" in page
    status, _ = await editor.send(dict(form_of(page, editor.path)) | {"confirmed": "yes"})
    assert (status, (await kept()).overrides) == (303, {})
    on, to = await seen_in_inbox(editor.browser), f"{editor.path}/approve"
    assert (await editor.browser.send(to, on)).status_code == 409
    other = Browser(service)
    other.sign_in("Admin", name="bob@msp.example")
    taken = await other.send(to, on)
    assert (taken.status_code, "delivery_networks" in (await kept()).overrides) == (303, True)


async def test_what_was_proposed_since_the_page_was_opened_is_not_approved_by_it(service, editor, kept, tenant):
    await propose(editor, '{"mx_suffixes": ["exchangedefender.com", "filter.example"]}')
    other = Browser(service)
    other.sign_in("Admin", name="bob@msp.example")
    assert f'href="/api/console/{editor.path}/proposed"' in await other.get(f"tenants/{tenant.tenant_id}")
    on, to = await seen_in_inbox(other), f"{editor.path}/approve"
    opened = await other.get(on)
    assert re.search(r'<th scope="row">overrides</th>.*filter.example.*</table>', opened, re.DOTALL)
    await propose(editor, '{"delivery_networks": ["65.99.255.0/24", "192.0.2.0/24"]}')
    sent = urlencode(form_of(opened, to)).encode()
    answer = await other.ask("POST", f"/api/console/{to}", sent, origin=other.origin)
    assert (answer.status_code, (await kept()).overrides) == (409, {})
    assert (await other.send(to, on)).status_code == 303
    assert "delivery_networks" in (await kept()).overrides


async def test_who_is_no_admin_reads_the_config_and_changes_nothing(browser, tenant):
    browser.sign_in("Operator", "Approver")
    path = f"tenants/{tenant.tenant_id}/config"
    page = await browser.get(path)
    assert ('<fieldset class="plain" disabled>' in page, "See what would change" in page) == (True, False)
    assert (await browser.send(path, path, name="Another")).status_code == 403
