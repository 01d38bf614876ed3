"""The page of reviewers, served by the service itself: three files, and a policy that lets them load nothing else.

They hold nothing secret: what the page shows it asks the API for, with the token of who logs in on it. The token is in the
page's memory alone, so closing it ends that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.common.errors import Code, ServiceError
from services.kyc.store import Store, StoreError

router = APIRouter(prefix="/kyc/desk", include_in_schema=False)

_FOLDER = Path(__file__).parent / "desk"

#: No script and no style in the page itself, none from elsewhere; pictures from the bucket alone.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src {pictures}; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


async def _pictures(request: Request) -> str:
    store: Store = request.app.state.store
    try:
        return await store.origin()
    except StoreError:
        raise ServiceError(Code.BUSY, "Pictures cannot be shown at this moment; try again.") from None


@router.get("")
async def page(pictures: Annotated[str, Depends(_pictures)]) -> Response:
    """The page."""
    return _file("index.html", "text/html", {"Content-Security-Policy": _POLICY.format(pictures=pictures)})


@router.get("/desk.css")
async def style() -> Response:
    """Its style."""
    return _file("desk.css", "text/css")


@router.get("/desk.js")
async def script() -> Response:
    """Its script."""
    return _file("desk.js", "text/javascript")


def _file(name: str, media_type: str, headers: dict[str, str] | None = None) -> Response:
    return Response((_FOLDER / name).read_bytes(), media_type=media_type, headers=headers)
