"""The reference backend with one thing changed: qrcode and Pillow draw the QR code as they come."""

import base64
import io

import qrcode
from fastapi import FastAPI

from app.main import create_app as create_backend
from twofold.service import totp


def data_uri(text: str) -> str:
    """The QR code of *text* as most applications make it."""
    picture = io.BytesIO()
    qrcode.make(text).save(picture, format="PNG")
    return "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()


def create_app() -> FastAPI:
    """The backend, drawing otherwise."""
    totp.qr_code_data_uri = data_uri
    return create_backend()
