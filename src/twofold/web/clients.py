"""What a client is, in a few words, from what it calls itself."""

from collections.abc import Callable

from twofold.web.languages import msgid

BROWSERS = {
    # Each also names those that it wants to be taken for: the first that is there is what it is.
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "Chromium/": "Chromium",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
    "curl/": "curl",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "CrOS": "ChromeOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def client_words(_: Callable[[str], str], agent: str) -> str:
    """
    A browser and its system; what is neither stays as it calls itself.

    Args:
        _: Translates.
        agent: The `User-Agent` (RFC 9110, 10.1.5), whoever wrote it.
    """
    browser = next((name for sign, name in BROWSERS.items() if sign in agent), None)
    system = next((name for sign, name in SYSTEMS.items() if sign in agent), None)
    if browser and system:
        return _(BROWSER_ON_SYSTEM) % {"browser": browser, "system": system}
    return browser or system or agent or _(UNKNOWN)


BROWSER_ON_SYSTEM = msgid("%(browser)s on %(system)s")
UNKNOWN = msgid("An unknown browser")
