"""The first page: what runs here, each service's health and API reference, as files (`cli.publish` puts them up).

It is made of files alone (manifests, the kept OpenAPI documents, site/), without a script or font from elsewhere; so the same
upload serves any stack. The CDN serves the bucket, in AWS and here. Links name files: a path without an ending is a page of the
single-page application, which is index.html.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import journeys, local
from cli.publish import distribution_of, invalidate, upload
from model.names import PROJECT, SITE, bucket_stem

if TYPE_CHECKING:
    from localcloud.dataplane.control.client import Client

_METHODS = ("get", "post", "put", "patch", "delete")


def put_up(client: Client) -> None:
    """Publish it where the running platform keeps it."""
    from localcloud.runtime.aws import Aws

    aws = Aws(client.info.emulator, local.REGION)
    if bucket := bucket_of(aws.client("s3")):
        publish(aws.client("s3"), lambda: aws.client("cloudfront"), bucket, pages(), wait=False)


def pages() -> list[tuple[str, bytes]]:
    """The files of this checkout's site."""
    return list(files(local.PROJECT, journeys.catalog().services.values()))


def publish(
    s3: Any, cloudfront: Callable[[], Any], bucket: str, made: Iterable[tuple[str, bytes]], *, wait: bool
) -> list[str]:
    """Bring a site up to date, and its CDN if anything was new; the keys that were sent. Raises publish.NoDistribution."""
    sent = upload(s3, bucket, made)
    if sent:
        cdn = cloudfront()
        invalidate(cdn, distribution_of(cdn, bucket), sent, wait=wait)
    return sent


def bucket_of(s3: Any) -> str:
    """The running platform's bucket of the site; empty if the stack has none."""
    names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    return next((name for name in names if name.startswith(f"{bucket_stem(PROJECT, local.STACK, SITE)}-")), "")


def files(project: Path, services: Iterable[Any]) -> Iterator[tuple[str, bytes]]:
    """(key, content) of every file of the site."""
    described = []
    for service in services:
        file = project / "services" / service.name.replace("-", "_") / "openapi.json"
        document = json.loads(file.read_text()) if file.exists() else None
        described.append((service, document))
        if document is not None:
            yield f"api/{service.name}/openapi.json", file.read_bytes()
            yield f"api/{service.name}/index.html", _reference(document).encode()
    yield "index.html", _index(described).encode()
    for path in sorted((project / "site").glob("*")):
        yield path.name, path.read_bytes()


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/style.css"></head>\n<body>{body}</body></html>\n'
    )


def _index(services: list[tuple[Any, dict[str, Any] | None]]) -> str:
    rows = []
    for service, document in services:
        prefix = service.paths[0].rstrip("*") if service.paths else ""
        ask = f'<td data-ask="{escape(prefix)}-">asking …</td>' if prefix else "<td>not public</td>"
        link = f'<a href="/api/{service.name}/index.html">API reference</a>' if document else "—"
        summary = (document or {}).get("info", {}).get("summary", "")
        paths = ", ".join(f"<code>{escape(path)}</code>" for path in service.paths) or "—"
        rows.append(
            f"<tr><td><b>{escape(service.name)}</b><br>{escape(summary)}</td><td>{paths}</td>{ask}<td>{link}</td></tr>"
        )
    body = (
        "<h1>Matchday</h1><p>A real-money fantasy-sports platform. What runs here:</p>"
        "<table><thead><tr><th>service</th><th>paths</th><th>now</th><th></th></tr></thead><tbody>"
        + "".join(rows)
        + "</tbody></table><h2>To try next</h2><pre>matchday smoke        # a person's journey through it\n"
        "matchday status       # tasks, data stores, roll-outs\nmatchday logs -f      # what everything prints</pre>"
        '<script src="/health.js" defer></script>'
    )
    return _page("Matchday", body)


def _reference(document: dict[str, Any]) -> str:
    info = document["info"]
    parts = [
        f"<p><a href='/'>Matchday</a></p><h1>{escape(info['title'])}</h1><p>{escape(info.get('summary', ''))}</p>"
        "<p><a href='openapi.json'>openapi.json</a></p>"
    ]
    for path, operations in document["paths"].items():
        parts += [_operation(method, path, operations[method]) for method in _METHODS if method in operations]
    schemas = document.get("components", {}).get("schemas", {})
    parts.append("<h2>Schemas</h2>")
    for name, schema in sorted(schemas.items()):
        text = escape(json.dumps(schema, indent=2, ensure_ascii=False))
        parts.append(
            f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary><pre>{text}</pre></details>'
        )
    return _page(info["title"], "".join(parts))


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = []
    for parameter in operation.get("parameters", ()):
        wanted = f"{'required' if parameter.get('required') else 'optional'} {_schema(parameter.get('schema', {}))}"
        rows.append(
            (
                f"{parameter['in']} <code>{escape(parameter['name'])}</code>",
                f"{wanted} {_schema(parameter.get('schema', {}))}",
            )
        )
    bodies = operation.get("requestBody", {}).get("content", {})
    rows += [(f"body <code>{escape(kind)}</code>", _schema(body.get("schema", {}))) for kind, body in bodies.items()]
    for status, response in sorted(operation["responses"].items()):
        schemas = {_schema(content.get("schema", {})) for content in response.get("content", {}).values()}
        rows.append(
            (f"<b>{escape(status)}</b>", f"{escape(response.get('description', ''))} {' '.join(sorted(schemas))}")
        )
    table = "".join(f"<tr><td>{name}</td><td>{text}</td></tr>" for name, text in rows)
    text = escape(operation.get("description", "")).replace("\n\n", "<p>")
    return (
        f"<details><summary><span class='method'>{method.upper()}</span> <code>{escape(path)}</code> "
        f"{escape(operation.get('summary', ''))}</summary><p>{text}</p><table>{table}</table></details>"
    )


def _schema(schema: dict[str, Any]) -> str:
    if reference := schema.get("$ref"):
        name = escape(reference.rsplit("/", 1)[1])
        return f'<a href="#{name}"><code>{name}</code></a>'
    return f"<code>{escape(str(schema.get('type', '')))}</code>" if schema.get("type") else ""
