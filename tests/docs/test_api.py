"""docs/api.md lists every path that the service answers, and none besides."""

import re
from pathlib import Path

from fastapi.routing import APIRoute

from handlers.api.app import ROUTERS

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_page_lists_every_method_and_path_and_none_besides():
    routes = [route for each in ROUTERS for route in each.router.routes if isinstance(route, APIRoute)]
    served = {(method, shape(route.path)) for route in routes for method in route.methods or ()}
    told = {
        (method, shape(f"/{path}"))
        for methods, path in re.findall(r"((?:`[A-Z]+` )*`[A-Z]+) ([a-z][^`?]*)", PAGE.read_text("utf-8"))
        for method in re.findall("[A-Z]+", methods)
    }
    assert told == served


def shape(path: str) -> str:
    """*path* with a blank for each of its parameters, whatever their names."""
    return re.sub(r"{\w+}", "{}", path)
