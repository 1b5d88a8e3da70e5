import pytest

from devhost.errors import StartError
from devhost.routes import Route
from devhost.runtime import Function
from devhost.triggers import Triggers

SETTINGS = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "NAME": "orders", "EVERY": "0 */5 * * * *"}


def having(kind: str, **trigger: object) -> tuple[Function, ...]:
    return (Function("f", "id", {"type": kind, "name": "argument", **trigger}),)


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
        pytest.param(having("httpTrigger", route="a/{id:date}"), "'date'", id="unknown constraint"),
        pytest.param(having("httpTrigger", route="a/{id=5}"), "id=5", id="default value"),
        pytest.param(having("httpTrigger", route="a", authLevel="USER"), "user", id="unknown level"),
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
    ("template", "path", "params"),
    [
        pytest.param("things", "/api/things", {}, id="literal"),
        pytest.param("Things", "/api/tHINGS", {}, id="letter case does not matter"),
        pytest.param("things/{id}", "/api/things/a%20b", {"id": "a b"}, id="parameter is decoded"),
        pytest.param("things/{id}", "/api/things/a%2Fb", {"id": "a/b"}, id="encoded slash stays in its segment"),
        pytest.param("things/{id:int}", "/api/things/12", {"id": "12"}, id="constraint met"),
        pytest.param("things/{id:int}", "/api/things/x", None, id="constraint not met"),
        pytest.param("things/{id:guid}", "/api/things/12", None, id="no guid"),
        pytest.param("things/{id?}", "/api/things", {}, id="optional left out"),
        pytest.param("things/{id?}", "/api/things/1", {"id": "1"}, id="optional given"),
        pytest.param("{*rest}", "/api/a/b/c", {"rest": "a/b/c"}, id="catch-all"),
        pytest.param("{*rest}", "/api", {}, id="catch-all of nothing"),
        pytest.param("a/{x}.json", "/api/a/b.json", {"x": "b"}, id="literal beside a parameter"),
        pytest.param("a.b", "/api/aXb", None, id="a dot is a dot"),
        pytest.param("things", "/api/things/1", None, id="longer path"),
        pytest.param("things", "/things", None, id="prefix missing"),
    ],
)
def test_a_route_matches_as_on_the_platform(template: str, path: str, params: dict[str, str] | None) -> None:
    (function,) = having("httpTrigger", route=template)

    assert Route.of(function, "api").match(path) == params


def test_an_empty_prefix_is_no_prefix() -> None:
    (function,) = having("httpTrigger", route="things")

    assert Route.of(function, "").match("/things") == {}


def test_routes_are_tried_from_the_most_particular() -> None:
    templates = ["{*rest}", "a/{id}", "a/{id:int}", "a/b"]
    routes = [Route.of(function, "api") for template in templates for function in having("httpTrigger", route=template)]

    assert [route.path for route in sorted(routes, key=lambda route: route.precedence)] == [
        "/api/a/b",
        "/api/a/{id:int}",
        "/api/a/{id}",
        "/api/{*rest}",
    ]
