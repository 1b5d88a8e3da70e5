import pytest

from devhost.errors import StartError
from devhost.runtime import Function
from devhost.triggers import Triggers

SETTINGS = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "NAME": "orders", "EVERY": "0 */5 * * * *"}


def having(kind: str, **trigger: object) -> tuple[Function, ...]:
    return (Function("f", "id", {"type": kind, "name": "argument", **trigger}),)


CATCH_ALL = having("httpTrigger", route="{*path}", authLevel="ANONYMOUS")


def test_placeholders_in_triggers_are_resolved() -> None:
    queue = having("queueTrigger", queueName="%NAME%-new", connection="AzureWebJobsStorage")
    timer = having("timerTrigger", schedule="%EVERY%")

    triggers = Triggers.of(queue + timer, SETTINGS, "api")

    assert [(trigger.queue, trigger.connection_string) for trigger in triggers.queues] == [
        ("orders-new", SETTINGS["AzureWebJobsStorage"])
    ]
    assert [trigger.expression for trigger in triggers.timers] == [SETTINGS["EVERY"]]


@pytest.mark.parametrize(
    ("functions", "says"),
    [
        pytest.param(having("timerTrigger", schedule="%EVERI%"), "setting EVERI", id="unset schedule"),
        pytest.param(having("timerTrigger", schedule="%NAME%"), "schedule %NAME%: 'orders'", id="not a schedule"),
        pytest.param(having("queueTrigger", queueName="Orders", connection=""), "'Orders'", id="upper case"),
        pytest.param(having("queueTrigger", queueName="my_orders", connection=""), "'my_orders'", id="underscore"),
        pytest.param(having("queueTrigger", queueName="a--b", connection=""), "'a--b'", id="two hyphens"),
        pytest.param(having("queueTrigger", queueName="ab", connection=""), "'ab'", id="too short"),
        pytest.param(having("queueTrigger", queueName="a" * 64, connection=""), "'aaaa", id="too long"),
        pytest.param(having("queueTrigger", queueName="%NO%", connection=""), "setting NO", id="unset queue"),
        pytest.param(having("queueTrigger", queueName="orders", connection="No"), "No", id="unset connection"),
        pytest.param(having("httpTrigger", route="a", authLevel="ANONYMOUS"), "one HTTP function", id="one path"),
        pytest.param(having("httpTrigger", route="{*path}", authLevel="FUNCTION"), "one HTTP function", id="a key"),
        pytest.param(CATCH_ALL + CATCH_ALL, "one HTTP function", id="two functions"),
        pytest.param(
            having("httpTrigger", route="{*path}", authLevel="ANONYMOUS", methods=["GET"]),
            "one HTTP function",
            id="one method",
        ),
    ],
)
def test_what_indexing_does_not_catch_is_refused_with_the_functions_name(
    functions: tuple[Function, ...], says: str
) -> None:
    with pytest.raises(StartError, match=f"function f: .*{says}"):
        Triggers.of(functions, SETTINGS, "api")


@pytest.mark.parametrize(
    ("queue", "poison"),
    [("orders", "orders-poison"), ("orders-poison", None), ("a" * 57, None), ("a" * 56, "a" * 56 + "-poison")],
)
def test_a_poison_queue_exists_where_the_platform_has_one(queue: str, poison: str | None) -> None:
    (trigger,) = Triggers.of(having("queueTrigger", queueName=queue, connection=""), SETTINGS, "api").queues

    assert trigger.poison_queue == poison


@pytest.mark.parametrize(
    ("prefix", "path", "params"),
    [
        pytest.param("api", "/api/a/b/c", {"path": "a/b/c"}, id="below the prefix"),
        pytest.param("api", "/API/a", {"path": "a"}, id="letter case does not matter"),
        pytest.param("api", "/api/a%20b%2Fc", {"path": "a b/c"}, id="parameter is decoded"),
        pytest.param("api", "/api/", {}, id="nothing"),
        pytest.param("api", "/api", {}, id="nothing, without its slash"),
        pytest.param("api", "/apis/a", None, id="another prefix"),
        pytest.param("api", "/a", None, id="prefix missing"),
        pytest.param("", "/a", {"path": "a"}, id="an empty prefix is none"),
    ],
)
def test_the_one_function_gets_every_path_below_the_prefix(
    prefix: str, path: str, params: dict[str, str] | None
) -> None:
    http = Triggers.of(CATCH_ALL, SETTINGS, prefix).http

    assert http
    assert http.match(path) == params
