"""The control API of the ticket systems, under `/_sim/psa/{system}`: what people do there, and what goes wrong.

| method and path | body | answer |
|---|---|---|
| `GET .../tickets` | | every ticket with its notes |
| `POST .../tickets` | `{"by", "company", "summary", "status", "container", "type", "subtype"}` | 201 ticket |
| `PATCH .../tickets/{id}` | `{"by", "kind": "agent"/"contact"}` and fields to change | ticket |
| `DELETE .../tickets/{id}` | | 204 |
| `POST .../tickets/{id}/notes` | `{"by", "text", "kind", "internal"}` | 201 note |
| `PATCH ...` | any of `{"webhook_url", "companies": [..], "down", "drops", "trouble": [..]}` | 204 |
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.psa.desk import System
    from simulator.world import World


class PsaApi:
    """One method a route: path parameters and body in, something for JSON out; None is 204."""

    def __init__(self, world: World) -> None:
        self._world = world

    def tickets(self, path: Mapping[str, Any], _body: object) -> object:
        return self._system(path).shown()

    def open(self, path: Mapping[str, Any], body: dict[str, Any]) -> object:
        return asdict(self._system(path).opens(body.pop("by"), **body))

    def change(self, path: Mapping[str, Any], body: dict[str, Any]) -> object:
        return asdict(self._system(path).changes(body.pop("by"), int(path["ticket"]), **body))

    def delete(self, path: Mapping[str, Any], _body: object) -> None:
        self._system(path).deletes(int(path["ticket"]))

    def write(self, path: Mapping[str, Any], body: dict[str, Any]) -> object:
        return asdict(self._system(path).writes(body.pop("by"), int(path["ticket"]), body.pop("text"), **body))

    def switch(self, path: Mapping[str, Any], body: dict[str, Any]) -> None:
        system = self._system(path)
        for name, value in body.items():
            match name:
                case "companies":
                    system.companies |= set(value)
                case "trouble":
                    system.trouble.extend(value)
                case "webhook_url" | "down" | "drops":
                    setattr(system, name, value)
                case _:
                    raise ValueError(f"no such switch: {name}")

    def _system(self, path: Mapping[str, Any]) -> System:
        if path["system"] not in self._world.psa.by_name:
            raise ValueError(f"no system {path['system']}; there are {', '.join(self._world.psa.by_name)}")
        return self._world.psa.by_name[path["system"]]
