"""What importing the library loads: the core stands on three packages, and the front door on no framework."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import importlib, json, pkgutil, sys
before = set(sys.modules)
for name in sys.argv[1:]:
    module = importlib.import_module(name.removesuffix(".*"))
    if name.endswith(".*"):
        for found in pkgutil.walk_packages(module.__path__, module.__name__ + "."):
            importlib.import_module(found.name)
if drawing := sys.modules.get("twofold.core.qr_code"):
    drawing.qr_code_png("")  # what it draws with is loaded when the first one is drawn
if computing := sys.modules.get("twofold.core.totp"):
    computing.TotpSecret("A" * 32).code_at(1)  # and pyotp when the first code is computed
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps(sorted(loaded - sys.stdlib_module_names)))
"""
ALLOWED = [
    *("cryptography.fernet", "cryptography.hazmat.primitives.ciphers.aead", "cryptography.hazmat.primitives.kdf.hkdf"),
    *("pyotp", "qrcode.main", "qrcode.constants"),
]


def loaded_by(*names: str) -> set[str]:
    """The packages, but for Python's own, that a fresh process loads to import these modules."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *names], capture_output=True, check=True, text=True)
    return set(json.loads(done.stdout))


def test_the_core_loads_three_packages():
    """
    All modules of the core together load cryptography, pyotp and qrcode with what those load, and nothing else.
    """
    loaded, allowed = loaded_by("twofold.core.*"), loaded_by(*ALLOWED)

    assert {"cryptography", "pyotp", "qrcode"} <= loaded
    assert loaded == allowed | {"twofold"}


@pytest.mark.parametrize("name", ["twofold", "twofold.service.*", "twofold.clock"])
def test_the_library_loads_no_framework_unasked(name):
    """
    Importing the library or its use cases loads no web framework, no database and no pytest.
    """
    loaded = loaded_by(name)

    assert loaded <= loaded_by(*ALLOWED) | {"twofold"}
    assert not loaded & {"sqlalchemy", "fastapi", "starlette", "pydantic", "pytest"}


def test_the_helpers_for_tests_load_pytest_and_no_framework():
    """
    Importing the helpers for tests loads pytest, whose plugin they are, and no web framework and no database.
    """
    loaded = loaded_by("twofold.testing.*")

    # The key in software is written as a key that a browser reads: its formats load bcrypt where it is there.
    signing = "cryptography.hazmat.primitives.serialization"
    assert loaded <= loaded_by(*ALLOWED, "pytest", signing) | {"twofold"}
    assert not loaded & {"sqlalchemy", "fastapi", "starlette", "pydantic"}


def test_metrics_load_no_framework():
    """
    Metrics can be counted in any application: they load prometheus-client, and neither a web framework nor a database.
    """
    loaded = loaded_by("twofold.prometheus.*")

    assert "prometheus_client" in loaded
    assert not loaded & {"sqlalchemy", "fastapi", "starlette", "pydantic", "pytest"}


@pytest.mark.parametrize(("name", "absent"), [("twofold.sqlalchemy.*", "fastapi"), ("twofold.fastapi.*", "sqlalchemy")])
def test_http_does_not_load_sql_nor_sql_http(name, absent):
    """
    Each adapter loads what it is named after, and not the other.
    """
    loaded = loaded_by(name)

    assert name.split(".")[1] in loaded
    assert absent not in loaded
