"""Authenticator apps that others wrote, and what reads a QR code for them."""

import os
import subprocess
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import pyotp

from tests.servers import program

PROGRAM_SECONDS = 30
MASTER_PASSWORD = "correct horse battery"

# KeePassXC's command line cannot add an entry with a one-time password, but it imports one.
DATABASE = """<?xml version="1.0" encoding="UTF-8"?>
<KeePassFile><Root><Group><Name>Root</Name><Entry>
<String><Key>Title</Key><Value>phone</Value></String>
<String><Key>otp</Key><Value>{uri}</Value></String>
</Entry></Group></Root></KeePassFile>
"""


def output_of(*command: str, typed: str = "", **environment: str) -> str:
    """What a program prints on its last line."""
    done = subprocess.run(
        command,
        input=typed,
        env={"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C.UTF-8"} | environment,
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.rstrip("\n")


def scanned(qr_code: str, folder: Path) -> str:
    """The text of a QR code as `/setup` gives it, read from the picture at its own size."""
    picture = folder / "qr.png"
    picture.write_bytes(b64decode(qr_code.removeprefix("data:image/png;base64,"), validate=True))
    return output_of(program("zbarimg"), "--nodbus", "-q", "--raw", str(picture))


class KeePassXC:
    """KeePassXC as a phone, with one entry in its database."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.database = folder / "phone.kdbx"
        self._home = folder
        source = folder / "phone.xml"
        source.write_text(DATABASE.format(uri=escape(uri)))
        twice = f"{MASTER_PASSWORD}\n{MASTER_PASSWORD}\n"
        self._run([], "import", "-q", "-p", str(source), str(self.database), typed=twice)
        source.unlink()

    def code(self, at: datetime | None = None) -> str:
        """What it shows now, or at the moment *at*."""
        clock = [program("faketime"), "-f", f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"] if at else []
        return self._show("-t", clock=clock)

    @property
    def uri(self) -> str:
        """The `otpauth://` text as it is stored."""
        return self._show("-a", "otp", clock=[])

    def _show(self, *options: str, clock: list[str]) -> str:
        return self._run(clock, "show", "-q", *options, str(self.database), "phone", typed=f"{MASTER_PASSWORD}\n")

    def _run(self, clock: list[str], *arguments: str, typed: str) -> str:
        command = [*clock, program("keepassxc-cli"), *arguments]
        return output_of(*command, typed=typed, HOME=str(self._home), QT_QPA_PLATFORM="offscreen")


def code_of_oathtool(secret: str, at: datetime) -> str:
    return output_of(program("oathtool"), "--totp", "-b", "-", "-N", f"@{int(at.timestamp())}", typed=secret)


def code_of_pyotp(secret: str, at: datetime) -> str:
    return pyotp.TOTP(secret).at(at)
