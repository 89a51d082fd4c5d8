"""Pages for people, rendered on the server, for a host to mount and to make its own."""

from twofold.web.error_pages import install_error_pages
from twofold.web.look import Look
from twofold.web.pages import two_factor_pages
from twofold.web.sessions import ListedSession

__all__ = ["ListedSession", "Look", "install_error_pages", "two_factor_pages"]
