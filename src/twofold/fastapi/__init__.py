"""In a FastAPI application: the one object of a host, and the two things it is made of."""

try:
    from twofold.fastapi.schemas import SecondFactorRequired
    from twofold.fastapi.sessions import Sessions, SignedIn
    from twofold.fastapi.two_factor import TwoFactor
except ModuleNotFoundError as error:
    if error.name not in {"fastapi", "pydantic", "starlette"}:
        raise
    message = "twofold.fastapi needs FastAPI: pip install 'twofold[fastapi]'"
    raise ModuleNotFoundError(message, name="fastapi") from error

__all__ = ["SecondFactorRequired", "Sessions", "SignedIn", "TwoFactor"]
