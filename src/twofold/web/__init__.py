"""Pages for people, rendered on the server, for a host to mount and to make its own."""

try:
    from twofold.web.admin import two_factor_admin_pages
    from twofold.web.error_pages import install_error_pages
    from twofold.web.look import Look
    from twofold.web.pages import two_factor_pages
    from twofold.web.sessions import ListedSession
except ModuleNotFoundError as error:
    if error.name not in {"babel", "fastapi", "jinja2", "markupsafe", "pydantic", "starlette"}:
        raise
    raise ModuleNotFoundError(
        "twofold.web needs FastAPI, Jinja2 and Babel: pip install 'twofold[web]'", name=error.name
    ) from error

__all__ = ["ListedSession", "Look", "install_error_pages", "two_factor_admin_pages", "two_factor_pages"]
