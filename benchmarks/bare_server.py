"""
The bare limit of a step-up: Starlette and asyncpg, doing the same job with the same statements and nothing else.

The statements are those that the reference backend is seen to send; the benchmark compares them with the database
server's log and stops where they differ. The seal, the codes of three time steps and the hashes are computed as they
must be. No product: it checks no input and knows no errors.
"""

import hashlib
import hmac
import json
import os
import struct
from base64 import b32decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.statements import EVENT, LOCK, PROVED, SAVE, SESSION, TIMEOUT
from twofold.core.sealing import KeyRing, Purpose

KEYS = KeyRing([os.environ["ENCRYPTION_KEY"]])


def code_at(key: bytes, step: int) -> str:
    """HOTP of one step (RFC 4226, section 5.3)."""
    digest = hmac.digest(key, struct.pack(">Q", step), "sha1")
    number = struct.unpack_from(">I", digest, digest[-1] & 15)[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


async def step_up(request: Request) -> JSONResponse:
    """The job of `POST /step-up`."""
    token = hashlib.sha256(request.headers["authorization"][7:].encode()).hexdigest()
    typed = json.loads(await request.body())["code"]
    now = datetime.now(UTC)
    async with request.app.state.pool.acquire() as connection:
        user = (await connection.fetchrow(SESSION, token))["user_id"]
        handle = hashlib.sha256(token.encode()).hexdigest()
        async with connection.transaction():
            await connection.fetch(TIMEOUT)
            row = await connection.fetchrow(LOCK, user)
            secret = json.loads(KEYS.open_sealed(row["totp_secret"], Purpose.TOTP_SECRET, user))["s"]
            key, step = b32decode(secret), int(now.timestamp()) // 30
            found = [each for each in range(step - 1, step + 2) if hmac.compare_digest(code_at(key, each), typed)]
            if not found or max(found) <= row["twofa_last_step"]:
                return JSONResponse({"detail": "refused"}, 400)
            await connection.fetchrow(EVENT, user, "stepped_up", now, "success", "totp", "127.0.0.1", None, None)
            sealed = (row["totp_secret"], True, None, None, None, max(found), row["twofa_epoch"], None, None, None, 0)
            await connection.fetch(SAVE, *sealed, user)
            await connection.fetch(PROVED, user, row["twofa_epoch"], "pwd otp mfa", now, now, handle)
    return JSONResponse({"aal": 2, "amr": ["pwd", "otp", "mfa"], "second_factor_at": now.isoformat()})


@asynccontextmanager
async def lifespan(started: Starlette) -> AsyncIterator[None]:
    """As many connections as the reference backend takes for its second factor."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=5, max_size=5) as pool:
        started.state.pool = pool
        yield


app = Starlette(routes=[Route("/api/auth/2fa/step-up", step_up, methods=["POST"])], lifespan=lifespan)
