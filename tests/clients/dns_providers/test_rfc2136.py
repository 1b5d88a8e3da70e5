"""Signed updates against a real Knot server; each test has names of its own in fabrikam.test."""

import asyncio
import base64
import itertools
import socket
import struct
from contextlib import asynccontextmanager

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import dns.tsig
import dns.update
import pytest

from clients.dns_providers import RecordSet
from clients.dns_providers.rfc2136 import Rfc2136
from clients.errors import Conflict, Forbidden, Invalid, Refused, Unauthorised, Unreachable, Unreadable
from devhost.knot import KEY_NAME
from domain.mail.answers import Txt
from tests.clients.dns_providers.conftest import Permitted

ZONE = "fabrikam.test"
SPF = Txt((b"v=spf1 include:spf.protection.outlook.test -all",))
REPAIRED = Txt((b"v=spf1 include:proxy.exchangedefender.test include:spf.protection.outlook.test -all",))
DMARC = Txt((b"v=DMARC1; p=none",))
TARGET = "selector1-fabrikam-test._domainkey.fabrikam.n-v1.dkim.mail.microsoft"
NONE = RecordSet()

_numbers = itertools.count(1)


def here(host, port, **about):
    """A server on this machine, as tests have theirs."""
    return Rfc2136(host, port, loopback=True, **about)


@pytest.fixture
def domain():
    return f"d{next(_numbers)}.{ZONE}"


@pytest.fixture
def provider(knot):
    return Permitted(here(knot.hosts[0], knot.port, key_name=KEY_NAME, secret=knot.secret))


@pytest.fixture
def put(knot):
    """Somebody else adds a record, without asking us."""

    async def put(name, rtype, text, ttl=300):
        update = dns.update.UpdateMessage(ZONE, keyring=dns.tsig.Key(KEY_NAME, knot.secret, "hmac-sha256"))
        update.add(f"{name}.", ttl, rtype, text)
        reply = await dns.asyncquery.tcp(update, knot.hosts[0], port=knot.port, timeout=5)
        assert reply.rcode() == dns.rcode.NOERROR

    return put


async def test_a_name_without_records_is_an_empty_set(provider, domain):
    assert (await provider.read(ZONE, domain, "TXT")).values == ()


@pytest.mark.parametrize("ttl_s", [900, 20])
async def test_a_swap_replaces_one_text_and_keeps_its_siblings_and_its_time_to_live(provider, domain, put, ttl_s):
    for text in ('"MS=ms12345678"', f'"{SPF.data.decode()}"', '"cut" "in two"'):
        await put(domain, "TXT", text, ttl=ttl_s)
    read = await provider.read(ZONE, domain, "TXT")
    await provider.swap(
        ZONE, domain, "TXT", read, RecordSet((*(text for text in read.values if text != SPF), REPAIRED), ttl_s=60)
    )
    after = await provider.read(ZONE, domain, "TXT")
    assert set(after.values) == {Txt((b"MS=ms12345678",)), REPAIRED, Txt((b"cut", b"in two"))}
    assert after.ttl_s == ttl_s


async def test_a_swap_with_what_was_true_earlier_is_a_conflict(provider, domain):
    before, after = RecordSet((SPF,)), RecordSet((REPAIRED,))
    await provider.swap(ZONE, domain, "TXT", NONE, before)
    await provider.swap(ZONE, domain, "TXT", before, after)
    with pytest.raises(Conflict):
        await provider.swap(ZONE, domain, "TXT", before, after)
    assert (await provider.read(ZONE, domain, "TXT")).values == (REPAIRED,)


async def test_of_two_swaps_at_once_one_wins(knot, provider, domain):
    await provider.swap(ZONE, domain, "TXT", NONE, RecordSet((SPF,)))
    other = Permitted(here(knot.hosts[0], knot.port, key_name=KEY_NAME, secret=knot.secret))
    wanted = [RecordSet((REPAIRED,)), RecordSet((Txt((b"v=spf1 mx -all",)),))]
    ends = await asyncio.gather(
        *(
            who.swap(ZONE, domain, "TXT", RecordSet((SPF,)), what)
            for who, what in zip((provider, other), wanted, strict=True)
        ),
        return_exceptions=True,
    )
    assert sorted(type(end).__name__ for end in ends) == ["Conflict", "NoneType"]
    assert (await provider.read(ZONE, domain, "TXT")).contents == wanted[ends.index(None)].contents


@pytest.mark.parametrize(
    ("owner", "rtype", "value"), [("_dmarc", "TXT", DMARC), ("selector1._domainkey", "CNAME", TARGET)]
)
async def test_what_is_missing_is_created_once(provider, domain, owner, rtype, value):
    name, wanted = f"{owner}.{domain}", RecordSet((value,), 1800)
    await provider.swap(ZONE, name, rtype, NONE, wanted)
    assert await provider.read(ZONE, name, rtype) == wanted
    with pytest.raises(Conflict):
        await provider.swap(ZONE, name, rtype, NONE, wanted)


async def test_of_two_creations_at_once_one_wins(provider, domain):
    texts = (SPF, REPAIRED)
    ends = await asyncio.gather(
        *(provider.swap(ZONE, domain, "TXT", NONE, RecordSet((text,))) for text in texts), return_exceptions=True
    )
    assert sorted(type(end).__name__ for end in ends) == ["Conflict", "NoneType"]
    assert len((await provider.read(ZONE, domain, "TXT")).values) == 1


@pytest.mark.parametrize(
    ("owner", "rtype", "value"), [("_dmarc", "TXT", DMARC), ("selector1._domainkey", "CNAME", TARGET)]
)
async def test_what_was_created_can_be_taken_back(provider, domain, owner, rtype, value):
    name, made = f"{owner}.{domain}", RecordSet((value,))
    await provider.swap(ZONE, name, rtype, NONE, made)
    await provider.swap(ZONE, name, rtype, made, NONE)
    assert (await provider.read(ZONE, name, rtype)).values == ()


async def test_an_alias_is_not_created_beside_other_data_which_the_server_would_ignore_without_a_word(
    provider, domain, put
):
    name = f"selector1._domainkey.{domain}"
    await put(name, "TXT", '"v=DKIM1; p="')
    with pytest.raises(Conflict):
        await provider.swap(ZONE, name, "CNAME", NONE, RecordSet((TARGET,)))


async def test_a_text_is_not_put_where_an_alias_stands(provider, domain, put):
    await put(f"_dmarc.{domain}", "CNAME", "dmarc.vendor.test.")
    with pytest.raises(Invalid, match="alias"):
        await provider.swap(ZONE, f"_dmarc.{domain}", "TXT", NONE, RecordSet((DMARC,)))


async def test_a_long_text_is_cut_into_strings(provider, domain):
    long = Txt((b"v=spf1 " + b"ip4:192.0.2.1 " * 100 + b"-all",))
    await provider.swap(ZONE, domain, "TXT", NONE, RecordSet((long,)))
    (text,) = (await provider.read(ZONE, domain, "TXT")).values
    assert text.data == long.data
    assert len(text.strings) == 6


async def test_a_change_that_is_never_made_is_not_sent(knot, domain):
    nobody = Permitted(here("127.0.0.1", 1, key_name=KEY_NAME, secret=knot.secret))
    with pytest.raises(Invalid):
        await nobody.swap(ZONE, f"*.{domain}", "TXT", NONE, RecordSet((SPF,)))
    with pytest.raises(Invalid):
        await nobody.read(ZONE, "fabrikam.example", "TXT")


@pytest.mark.parametrize("name", [KEY_NAME, "nobodys-key"])
async def test_a_wrong_key_is_refused_with_a_remedy(knot, domain, name):
    stranger = Permitted(here(knot.hosts[0], knot.port, key_name=name, secret=base64.b64encode(b"x" * 32).decode()))
    with pytest.raises(Refused) as refusal:
        await stranger.swap(ZONE, domain, "TXT", NONE, RecordSet((SPF,)))
    assert isinstance(refusal.value, Unauthorised)
    assert "key" in refusal.value.remedy


async def test_the_server_takes_no_unsigned_update(knot, domain):
    update = dns.update.UpdateMessage(ZONE)
    update.add(f"{domain}.", 300, "TXT", '"v=spf1 -all"')
    reply = await dns.asyncquery.tcp(update, knot.hosts[0], port=knot.port, timeout=5)
    assert reply.rcode() == dns.rcode.NOTAUTH


async def test_a_zone_the_server_does_not_have_is_refused(provider):
    with pytest.raises(Refused):
        await provider.read("nowhere.test", "nowhere.test", "TXT")


# --- what Knot does not do -------------------------------------------------------------------------------------------


@asynccontextmanager
async def scripted(reply):
    """A server over TCP that makes each answer from the query."""

    async def answer(reader, writer):
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        wire = reply(await reader.readexactly(size))
        writer.write(struct.pack("!H", len(wire)) + wire)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def unsigned(rcode=dns.rcode.NOERROR):
    def reply(wire):
        answer = dns.message.Message(int.from_bytes(wire[:2]))
        answer.flags |= dns.flags.QR | dns.flags.AA
        answer.set_rcode(rcode)
        answer.question = dns.message.from_wire(wire, keyring=False, question_only=True).question
        return answer.to_wire()

    return reply


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        pytest.param(unsigned(), Unreadable, id="unsigned"),
        pytest.param(unsigned(dns.rcode.REFUSED), Forbidden, id="refused"),
        pytest.param(unsigned(dns.rcode.NOTAUTH), Unauthorised, id="not_authoritative_or_wrong_key"),
        pytest.param(unsigned(dns.rcode.SERVFAIL), Unreachable, id="servfail"),
        pytest.param(unsigned(dns.rcode.NOTIMP), Invalid, id="not_implemented"),
        pytest.param(lambda wire: unsigned(dns.rcode.REFUSED)(b"??" + wire[2:]), Unreadable, id="another_id"),
        pytest.param(lambda _: b"\xff" * 30, Unreadable, id="garbage"),
        pytest.param(lambda _: b"", Unreadable, id="nothing"),
    ],
)
async def test_every_other_end_is_an_error_of_the_tree(knot, domain, reply, error):
    async with scripted(reply) as port:
        server = Permitted(here("127.0.0.1", port, key_name=KEY_NAME, secret=knot.secret))
        with pytest.raises(error):
            await server.read(ZONE, domain, "TXT")


async def test_a_reply_signed_with_another_secret_is_not_believed(knot, domain):
    def reply(wire):
        query = dns.message.from_wire(wire, keyring=False)
        answer = dns.message.Message(query.id)
        answer.flags |= dns.flags.QR | dns.flags.AA
        answer.question = query.question
        answer.use_tsig(dns.tsig.Key(KEY_NAME, b"x" * 32, "hmac-sha256"))
        answer.request_mac = query.mac or b""
        return answer.to_wire()

    async with scripted(reply) as port:
        server = Permitted(here("127.0.0.1", port, key_name=KEY_NAME, secret=knot.secret))
        with pytest.raises(Unauthorised):
            await server.read(ZONE, domain, "TXT")


async def test_a_signed_reply_of_a_server_that_only_passes_on_is_not_believed(knot, domain):
    key = dns.tsig.Key(KEY_NAME, knot.secret, "hmac-sha256")
    async with scripted(
        lambda wire: dns.message.make_response(dns.message.from_wire(wire, keyring=key)).to_wire()
    ) as port:
        server = Permitted(here("127.0.0.1", port, key_name=KEY_NAME, secret=knot.secret))
        with pytest.raises(Unreadable, match="not authoritative"):
            await server.read(ZONE, domain, "TXT")


async def test_no_answer_leaves_the_outcome_open(knot, domain):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        server = Permitted(here("127.0.0.1", port, key_name=KEY_NAME, secret=knot.secret, timeout_s=0.1))
        with pytest.raises(Unreachable) as lost:
            await server.read(ZONE, domain, "TXT")
    assert lost.value.sent


async def test_a_closed_port_is_nothing_sent(knot, domain):
    with pytest.raises(Unreachable) as lost:
        await Permitted(here("127.0.0.1", 1, key_name=KEY_NAME, secret=knot.secret)).read(ZONE, domain, "TXT")
    assert not lost.value.sent


ATTACKS = [
    ("127.0.0.1", "it is this machine"),
    ("localhost", "it is this machine"),
    ("::1", "it is this machine"),
    ("::ffff:127.0.0.1", "it is this machine"),
    ("169.254.169.254", "an address of the platform"),
    ("168.63.129.16", "an address of the platform"),
    ("fe80::1", "an address of the platform"),
    ("::", "an address of the platform"),
]


@pytest.mark.parametrize(("host", "why"), ATTACKS)
async def test_a_server_that_is_this_machine_or_the_platforms_is_not_even_connected_to(host, why):
    def served(*_):
        raise AssertionError("it was connected to")

    listening = await asyncio.start_server(served, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server = Permitted(Rfc2136(host, port, key_name=KEY_NAME, secret=base64.b64encode(b"x" * 32).decode()))
    with pytest.raises(Invalid, match=why):
        await server.read("contoso.example", "contoso.example", "TXT")
    listening.close()
