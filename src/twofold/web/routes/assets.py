"""What pages load: the style sheet, the script, the icon, the logo."""

from fastapi import Response

from twofold.errors import NotFound
from twofold.web.page_routes import PagesRouter
from twofold.web.rendering import PAGE_HEADERS

KEPT = "public, max-age=31536000, immutable"
"""Its address changes with it."""


def add_assets(router: PagesRouter) -> None:
    """Add them; they are the same for everybody."""
    pages = router.pages

    @router.page("/pages/{name}", "asset")
    async def asset(name: str) -> Response:
        if name not in pages.assets:
            raise NotFound
        content, media_type = pages.assets[name]
        # A logo that is opened by itself runs nothing either.
        security = {header: PAGE_HEADERS[header] for header in ("Content-Security-Policy", "X-Content-Type-Options")}
        return Response(content, media_type=media_type, headers=security | {"Cache-Control": KEPT})
