"""What answers on Redis' port and is none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.http.attempts import attempt
from twofold.core.policy import PCI_DSS, RECOMMENDED
from twofold.errors import SignInFailed
from twofold.fastapi.password_limits import PasswordLimits
from twofold.testing import StoppedClock

RUBBISH = [
    b"+OK\r\n",
    b"+seven\r\n",
    b":abc\r\n",
    b":-5\r\n",
    b"*1\r\n:1\r\n",
    b"$3\r\n1.5\r\n",
    b"-MOVED x\r\n",
    b"\r\n",
]


@asynccontextmanager
async def answering(rubbish: bytes) -> AsyncIterator[str]:
    """The URL of something that answers so, whatever it is asked."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            writer.write(rubbish * 3)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize("rubbish", RUBBISH)
def test_what_is_no_redis_is_out_of_reach(rubbish: bytes):
    """
    Whatever answers there: the worker counts alone where the policy fails open, and looks at nothing where it fails
    closed; no password is an error of the server, and no such count is believed.
    """

    async def story() -> tuple[list[str], str]:
        async with answering(rubbish) as url:
            clock = StoppedClock()
            alone, closed = (PasswordLimits(policy, redis_url=url, clock=clock) for policy in (RECOMMENDED, PCI_DSS))
            told = [await attempt(alone, SignInFailed()) for _ in range(11)]
            refused = await attempt(closed)
            await alone.close()
            await closed.close()
        return told, refused

    assert asyncio.run(story()) == (["sign-in-failed"] * 10 + ["rate-limited"], "unavailable")
