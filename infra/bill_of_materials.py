"""The bill of materials of a package, beside it: what is in it, of which version, by which hashes it was installed.

CycloneDX 1.6, JSON (ECMA-424). Written from what was installed, with the hashes that pip was held to; it needs nothing
but Python, as everything that makes a package.
"""

import re
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

_NAMESPACE = UUID("6f1f5f0e-7d55-4a63-9d5b-2f3f5b0d5a11")


def bill_of_materials(libraries: Path, requirements: Path, version: str) -> dict[str, Any]:
    """What CycloneDX says of the libraries in *libraries*, which *requirements* pins. *version*: of the app.

    The same content gives the same document, serial number included.

    Raises:
        ValueError: A library is there that *requirements* does not name, or in another version.
    """
    hashes = _hashes(requirements.read_text("utf-8"))
    components = sorted(
        (_component(info, hashes) for info in libraries.glob("*.dist-info")), key=lambda each: str(each["purl"])
    )
    content = "\n".join(str(each["purl"]) for each in components)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(_NAMESPACE, content)}",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": "holdfast", "name": "holdfast", "version": version},
        },
        "components": components,
        "dependencies": [{"ref": "holdfast", "dependsOn": [each["bom-ref"] for each in components]}],
    }


def _component(info: Path, hashes: dict[tuple[str, str], list[str]]) -> dict[str, Any]:
    said = HeaderParser().parsestr((info / "METADATA").read_text("utf-8", "replace"))
    name, version = _plain(said["Name"]), said["Version"]
    if (name, version) not in hashes:
        raise ValueError(f"{name} {version} is in the package and not in requirements.txt")
    purl = f"pkg:pypi/{name}@{version}"
    component: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    # An index lists a hash for each file of a release; which of them was installed, pip does not say.
    component["externalReferences"] = [
        {
            "type": "distribution",
            "url": purl,
            "hashes": [{"alg": "SHA-256", "content": each} for each in hashes[name, version]],
        }
    ]
    if licence := said["License-Expression"]:
        component["licenses"] = [{"expression": licence}]
    return component


_PIN = r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)((?:.*\\\n)*.*)"


def _hashes(requirements: str) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for name, version, rest in re.findall(
        r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)((?:.*\\\n)*.*)", requirements, re.MULTILINE
    ):
        found[_plain(name), version] = re.findall(r"--hash=sha256:([0-9a-f]{64})", rest)
    return found


def _plain(name: str) -> str:
    """One spelling for a project's name (PyPA, "Names and normalization")."""
    return re.sub(r"[-_.]+", "-", name).lower()
