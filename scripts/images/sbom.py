"""What is in an image, read off its files: a bill of materials in CycloneDX 1.6 of Debian's and of Python's packages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import quote


def document(root: Path, name: str, digest: str) -> dict[str, Any]:
    """The bill of the image whose files are below `root`. Without time and serial number: the same files, the same bill."""
    found = sorted([*_debian(root), *_python(root)], key=lambda component: component["purl"])
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "bom-ref": digest, "name": name, "version": digest}},
        "components": found,
    }


def _debian(root: Path) -> Iterator[dict[str, Any]]:
    release = dict(line.split("=", 1) for line in (root / "etc/os-release").read_text().splitlines() if "=" in line)
    distribution = f"debian-{release['VERSION_ID'].strip(chr(34))}"
    for text in re.split(r"\n\n+", (root / "var/lib/dpkg/status").read_text().strip()):
        fields = HeaderParser().parsestr(text)
        if "installed" not in (fields["Status"] or "").split():
            continue
        name, version = fields["Package"], fields["Version"]
        # "openssl (3.0.17-1)" where the source's version is another than the package's.
        source = re.fullmatch(r"(\S+)(?: \((.+)\))?", fields["Source"] or name)
        assert source is not None
        purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={fields['Architecture']}&distro={distribution}"
        properties = {"matchday:source": source[1], "matchday:source-version": source[2] or version}
        yield _component(name, version, purl, [], properties)


def _python(root: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(root.glob("venv/lib/python3*/site-packages/*.dist-info/METADATA")):
        fields = HeaderParser().parsestr(file.read_text(encoding="utf-8", errors="replace"))
        name = re.sub(r"[-_.]+", "-", fields["Name"]).lower()
        yield _component(name, fields["Version"], f"pkg:pypi/{name}@{fields['Version']}", _licences(fields), {})


def _licences(fields: Message) -> list[dict[str, Any]]:
    """As the package says it: an SPDX expression, else the names among its classifiers."""
    if fields["License-Expression"]:
        return [{"expression": fields["License-Expression"]}]
    named = [line.rpartition(" :: ")[2] for line in fields.get_all("Classifier", []) if line.startswith("License ::")]
    return [{"license": {"name": name}} for name in named]


def _component(
    name: str, version: str, purl: str, licences: list[dict[str, Any]], properties: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        **({"licenses": licences} if licences else {}),
        **({"properties": [{"name": key, "value": value} for key, value in properties.items()]} if properties else {}),
    }
