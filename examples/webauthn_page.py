"""
A page on which people register WebAuthn keys and sign in with them, before the reference backend.

From the folder above: PYTHONPATH=backend .venv/bin/python examples/webauthn_page.py, and then http://localhost:8000/webauthn.
"""

import asyncio
import hashlib
import re
from base64 import b64encode
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from app import main
from twofold.settings import Settings

PAGE = Path(__file__).with_suffix(".html").read_text()


def allowed(element: str) -> str:
    """The one style or script that stands in the page, as a Content-Security-Policy names it."""
    [text] = re.findall(f"<{element}>(.*?)</{element}>", PAGE, re.DOTALL)
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src {allowed('script')}; style-src {allowed('style')}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "publickey-credentials-create=(self), publickey-credentials-get=(self)",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


async def page() -> HTMLResponse:
    return HTMLResponse(PAGE, headers=HEADERS)


def create_app(settings: Settings | None = None, *, pause: main.Pause = main.until) -> FastAPI:
    app = main.create_app(settings, pause=pause)
    app.get("/webauthn", include_in_schema=False)(page)
    return app


if __name__ == "__main__":
    settings = Settings.from_environment()
    asyncio.run(main.prepare(settings))
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port, proxy_headers=False, server_header=False)
