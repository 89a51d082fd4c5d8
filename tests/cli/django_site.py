"""
A Django site with django-otp, in a process of its own: its packages make the tables, and write what people set up.

It is told on its standard input, as JSON, where its database is and who comes; and says what its tables are called.
"""

import json
import sys
from typing import Any

import django
import pymysql
from django.conf import settings
from django.core.management import call_command

# Django's driver for MariaDB is not installed; PyMySQL stands in for it, as its manual says.
pymysql.install_as_MySQLdb()


def main() -> None:
    told = json.load(sys.stdin)
    settings.configure(
        DATABASES={"default": told["database"]},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django_otp",
            "django_otp.plugins.otp_totp",
            "django_otp.plugins.otp_hotp",
            "django_otp.plugins.otp_static",
        ],
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    for person in told["people"]:
        add(**person)


def add(username: str, *, email: str = "", devices: list[dict[str, Any]], tokens: int = 0, counted: int = 0) -> None:
    """Somebody with devices, backup codes and devices whose codes are counted."""
    from django.contrib.auth.models import User
    from django_otp.plugins.otp_hotp.models import HOTPDevice
    from django_otp.plugins.otp_static.models import StaticDevice
    from django_otp.plugins.otp_totp.models import TOTPDevice

    user = User.objects.create_user(username, email=email)
    for device in devices:
        TOTPDevice.objects.create(user=user, name="default", **device)
    for _ in range(counted):
        HOTPDevice.objects.create(user=user, name="counted")
    if tokens:
        static = StaticDevice.objects.create(user=user, name="backup")
        for number in range(tokens):
            static.token_set.create(token=f"backup{number}")


if __name__ == "__main__":
    main()
