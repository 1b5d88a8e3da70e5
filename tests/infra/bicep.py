"""Reads Bicep into plain values, by the tree-sitter grammar: syntax with positions, no meaning.

Literals become Python values, objects dictionaries, arrays lists; every other expression stays its source text, as `Code`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_bicep.language()))

INFRA = Path(__file__).parents[2] / "infra"
MODULES = sorted((INFRA / "modules").glob("*.bicep"))
FILES = [INFRA / "main.bicep", *MODULES]
PARAMETERS = sorted(INFRA.glob("*.bicepparam"))


class Code(str):
    """An expression that is worked out at deployment."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A `param`: its type as written, its default (None without one), its decorators by name."""

    type: str
    default: Any
    decorators: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """A `resource`: type, API version, body. *loop*: what a `for` goes over; *existing*: it is only looked up."""

    type: str
    version: str
    body: dict[str, Any]
    loop: Any = None
    existing: bool = False


@dataclass(frozen=True, slots=True)
class Module:
    """A `module`: the file it names and its body."""

    path: str
    body: dict[str, Any]


@dataclass(slots=True)
class File:
    """What one file declares, by symbolic name."""

    parameters: dict[str, Parameter] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    modules: dict[str, Module] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)


def read(path: Path) -> File:
    """Read a file.

    Raises:
        ValueError: Something in it is not Bicep; names file, line and text.
    """
    return parse(path.read_text("utf-8"), path.name)


def parse(text: str, name: str) -> File:
    root = _PARSER.parse(text.encode()).root_node
    for wrong in _faults(root):
        place = f"{name}:{wrong.start_point.row + 1}:{wrong.start_point.column + 1}"
        raise ValueError(f"{place}: this is not Bicep: {_text(wrong)[:60]!r}")
    found, decorators = File(), dict[str, Any]()
    for node in root.named_children:
        if node.type == "decorators":
            decorators = dict(_decorator(each) for each in node.named_children)
            continue
        _declare(node, decorators, found)
        decorators = {}
    return found


def read_parameters(path: Path) -> dict[str, Any]:
    """Read a `.bicepparam`, which the grammar does not know: `param x = v` is read as `var x = v`.

    Raises:
        ValueError: It is not one, or says a parameter twice.
    """
    text = path.read_text("utf-8")
    if not re.search(r"^using 'main\.bicep'$", text, re.MULTILINE):
        raise ValueError(f"{path.name}: does not say using 'main.bicep'")
    plain = re.sub(r"^using .*$", "", text, flags=re.MULTILINE)
    said = re.findall(r"^param (\w+) =", plain, re.MULTILINE)
    if len(said) != len(set(said)):
        raise ValueError(f"{path.name}: says a parameter twice")
    return parse(re.sub(r"^param ", "var ", plain, flags=re.MULTILINE), path.name).variables


def walk(value: Any) -> Iterator[Any]:
    """*value* and everything in it, keys too."""
    yield value
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


def _faults(node: Node) -> Iterator[Node]:
    if node.type == "ERROR" or node.is_missing:
        yield node
    for child in node.children:
        yield from _faults(child)


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _declare(node: Node, decorators: dict[str, Any], found: File) -> None:
    children = [child for child in node.named_children if child.type != "comment"]
    match node.type:
        case "parameter_declaration":
            default = _value(children[2]) if len(children) > 2 else None
            found.parameters[_text(children[0])] = Parameter(_text(children[1]), default, decorators)
        case "variable_declaration":
            found.variables[_text(children[0])] = _value(children[-1])
        case "output_declaration":
            found.outputs[_text(children[0])] = _value(children[-1])
        case "resource_declaration":
            kind, _, version = str(_value(children[1])).partition("@")
            existing = any(child.type == "existing" for child in node.children)
            body, loop = _body(children[-1])
            found.resources[_text(children[0])] = Resource(kind, version, body, loop, existing)
        case "module_declaration":
            body, _ = _body(children[-1])
            found.modules[_text(children[0])] = Module(str(_value(children[1])), body)
        case _:  # comments, targetScope
            pass


def _body(node: Node) -> tuple[dict[str, Any], Any]:
    """The object of a resource or module, past its `if` or `for`, and what the `for` goes over."""
    if node.type == "if_statement":
        return _body(node.named_children[-1])
    if node.type == "for_statement":
        body = node.child_by_field_name("body") or node.named_children[-1]
        parts = [child for child in node.named_children if child.type != "comment" and child != body]
        return _body(body)[0], _value(parts[-1])
    value = _value(node)
    if not isinstance(value, dict):
        raise TypeError(f"line {node.start_point.row + 1}: this is no object")
    return value, None


def _decorator(node: Node) -> tuple[str, Any]:
    call = node.named_children[0]
    arguments = next((child for child in call.named_children if child.type == "arguments"), None)
    first = next(iter(arguments.named_children), None) if arguments else None
    return _text(call.named_children[0]), _value(first) if first else True


def _value(node: Node) -> Any:
    read = _READERS.get(node.type)
    return Code(_text(node)) if read is None or (node.type == "string" and "${" in _text(node)) else read(node)


def _object(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in (child for child in node.named_children if child.type == "object_property"):
        if _key(each) in found:
            raise ValueError(f"line {each.start_point.row + 1}: {_key(each)} is said twice")
        found[_key(each)] = _value(each.named_children[-1])
    return found


_READERS: dict[str, Callable[[Node], Any]] = {
    "string": lambda node: _text(node)[1:-1].replace("\\'", "'").replace("\\\\", "\\"),
    "number": lambda node: int(_text(node)),
    "boolean": lambda node: _text(node) == "true",
    "null": lambda _: None,
    "object": _object,
    "array": lambda node: [_value(child) for child in node.named_children if child.type != "comment"],
}


def _key(node: Node) -> str:
    key = node.named_children[0]
    return _text(key).strip("'")


def names_used(path: Path) -> set[str]:
    """Every name that an expression of the file refers to: symbols and functions; a loop's own names are left out."""
    root = _PARSER.parse(path.read_bytes()).root_node
    nodes = list(_all(root))
    used = {_text(node) for node in nodes if node.type == "identifier" and _is_use(node)}
    return used - {_text(name) for node in nodes if node.type == "for_statement" for name in _loop_names(node)}


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _all(child)


def _is_use(node: Node) -> bool:
    parent = node.parent
    if parent is None or node != parent.named_children[0]:
        return True
    return parent.type not in {
        "object_property",
        "parameter_declaration",
        "variable_declaration",
        "resource_declaration",
        "module_declaration",
        "output_declaration",
    }


def _loop_names(node: Node) -> list[Node]:
    first = node.named_children[0]
    return first.named_children if first.type == "for_loop_parameters" else [first]
