"""Answers of a real authoritative server, asked as a given server (HOLDFAST_DNS_SERVERS)."""

import pytest

from clients.resolver import Resolver
from domain.mail.answers import Absent, Mx, Present, Question, Txt, Unclear
from tests.knot import LONG_TEXT


@pytest.fixture
def resolver(knot, clock):
    return Resolver(tuple((host, knot.port) for host in knot.hosts), clock)


async def ask(resolver, name, rtype, **how):
    question = Question(name, rtype)
    return (await resolver.ask([question], **how))[question]


async def test_records_come_with_their_time_and_time_to_live(resolver, clock):
    assert await ask(resolver, "contoso.test", "MX") == Present(
        (Mx(10, "inbound30.exchangedefender.test"), Mx(20, "inbound31.exchangedefender.test")), 300, clock.time
    )


async def test_all_texts_of_a_name_are_shown_with_their_strings(resolver):
    assert (await ask(resolver, "contoso.test", "TXT")).values == (
        Txt((b"MS=ms12345678",)),
        Txt((b"v=spf1 include:proxy.exchangedefender.test -all",)),
    )
    (joined,) = (await ask(resolver, "two-strings.contoso.test", "TXT")).values
    assert joined.strings == (b"v=spf1 include:proxy.", b"exchangedefender.test -all")


async def test_two_spf_records_are_two_values(resolver):
    assert len((await ask(resolver, "two-records.contoso.test", "TXT")).values) == 2


@pytest.mark.parametrize(
    ("name", "rtype", "values"),
    [
        ("parked.contoso.test", "MX", (Mx(0, ""),)),
        ("www.contoso.test", "A", ("192.0.2.1",)),
        ("www.contoso.test", "AAAA", ("2001:db8::1",)),
        ("contoso.test", "NS", ("ns1.contoso.test", "ns2.contoso.test")),
        (
            "selector1._domainkey.contoso.test",
            "CNAME",
            ("selector1-contoso-test._domainkey.contoso.n-v1.dkim.mail.microsoft",),
        ),
        ("anything.wild.contoso.test", "TXT", (Txt((b"v=spf1 -all",)),)),
        ("latin1.contoso.test", "TXT", (Txt((b"v=spf1 \xe9 -all",)),)),
        ("CONTOSO.test.", "NS", ("ns1.contoso.test", "ns2.contoso.test")),
        ("bücher.contoso.test", "TXT", (Txt((b"v=spf1 -all",)),)),
    ],
)
async def test_every_type_is_shown_as_its_value(resolver, name, rtype, values):
    assert (await ask(resolver, name, rtype)).values == values


async def test_sixty_four_kilobytes_of_text_come_whole_over_tcp(resolver):
    (text,) = (await ask(resolver, "long.contoso.test", "TXT")).values
    assert text.data == LONG_TEXT


async def test_a_name_that_does_not_exist_is_absent_for_as_long_as_the_zone_says(resolver, clock):
    assert await ask(resolver, "nobody.contoso.test", "TXT") == Absent(name_exists=False, ttl_s=60, at=clock.time)


async def test_a_name_without_such_records_is_absent_too(resolver, clock):
    assert await ask(resolver, "www.contoso.test", "MX") == Absent(name_exists=True, ttl_s=60, at=clock.time)


async def test_an_alias_is_followed(resolver):
    assert await ask(resolver, "alias.contoso.test", "TXT") == await ask(resolver, "two-strings.contoso.test", "TXT")


async def test_an_alias_asked_for_as_such_is_not_followed(resolver):
    assert (await ask(resolver, "alias.contoso.test", "CNAME")).values == ("two-strings.contoso.test",)


async def test_the_target_of_an_alias_may_be_absent(resolver):
    assert isinstance(await ask(resolver, "outside.contoso.test", "TXT"), Absent)


async def test_aliases_are_followed_eight_times(resolver):
    assert (await ask(resolver, "eight.contoso.test", "TXT")).values == (Txt((b"at last",)),)
    assert "more than 8 aliases" in (await ask(resolver, "nine.contoso.test", "TXT")).reason


async def test_a_loop_of_aliases_is_unclear(resolver):
    answer = await ask(resolver, "tangle.contoso.test", "TXT")
    assert answer.reason == "a loop of aliases: tangle.contoso.test -> tangle2.contoso.test -> tangle.contoso.test"


async def test_a_zone_the_servers_do_not_have_is_unclear(resolver):
    assert "REFUSED" in (await ask(resolver, "nobodys.invalid", "MX")).reason


@pytest.mark.parametrize(
    "name",
    ["", ".", "a..b", "x" * 64 + ".test", ".".join(["x" * 60] * 5), "\ud800.test", "☃\u0000.test", "\\", "\\9.test"],
)
async def test_what_is_no_domain_name_is_unclear(resolver, name):
    answer = await ask(resolver, name, "MX")
    assert isinstance(answer, Unclear)
    assert "not a domain name" in answer.reason


async def test_each_question_has_its_answer(resolver):
    questions = [Question("contoso.test", "MX"), Question("nobody.contoso.test", "A"), Question("contoso.test", "MX")]
    answers = await resolver.ask(questions)
    assert set(answers) == set(questions)
    assert [type(answer) for answer in answers.values()] == [Present, Absent]
