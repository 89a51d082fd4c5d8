"""Keys in an application of somebody else's, with dependencies of its own on every route."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from fastapi import Depends, FastAPI, HTTPException
from starlette.testclient import TestClient

from twofold import Assurance, KeyRing, TwoFactorAuth
from twofold.errors import NotSignedIn
from twofold.fastapi import SignedIn, TwoFactor
from twofold.testing import MemoryStore
from twofold.webauthn import RelyingParty

OPTIONS = "/2fa/webauthn/authenticate/options"


class Sessions:
    def start(self, user_id: Any, assurance: Assurance) -> SignedIn:
        raise NotImplementedError

    def end_all(self, user_id: Any) -> None:
        raise NotImplementedError


def nobody() -> SignedIn:
    raise NotSignedIn


def closed() -> None:
    raise HTTPException(503, "closed for maintenance")


@pytest.mark.parametrize("body", [{}, {"sign_in_token": "x"}])
@pytest.mark.parametrize(("gate", "status"), [([], 401), ([Depends(closed)], 503)])
def test_whatever_the_body_says_the_applications_own_dependencies_run(body: Any, gate: list[Any], status: int):
    """
    What an application has before every route of its own stands before the options of keys too, for sessions and for
    pending sign-ins alike.
    """
    site, keys = RelyingParty("https://accounts.example.com"), KeyRing([Fernet.generate_key().decode()])
    auth = TwoFactorAuth(issuer="Acme", keys=keys, store=MemoryStore(), webauthn=site)
    app = FastAPI(dependencies=gate)
    TwoFactor(auth, current_session=nobody, sessions=Sessions).install(app, prefix="/2fa")

    assert TestClient(app).post(OPTIONS, json=body).status_code == status
