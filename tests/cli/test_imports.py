"""`twofold import` of columns, CSV files and lists of URIs, on each database."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import update

from tests.cli.new_home import NewHome, any_home, home, home_on, place_on
from twofold.core.events import EventKind
from twofold.core.totp import TotpSecret
from twofold.service.sign_in import SecondFactorPending
from twofold.sqlalchemy.user_columns import UserColumn

__all__ = ["any_home", "home", "home_on", "place_on"]

ROOT = Path(__file__).parents[2]
BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
OTHER = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
WEAK = "JBSWY3DPEHPK3PXP"
SECRET = TotpSecret(BASE32)


def rows_of(lines: list[Any]) -> dict[str, str]:
    """The outcome of each row by its place."""
    return {line["place"]: line["outcome"] for line in lines if "place" in line}


def summary_of(lines: list[Any]) -> Any:
    return lines[-1]["summary"]


# -- Columns


@pytest.mark.parametrize("written", [BASE32, f"otpauth://totp/ann?secret={BASE32}", "gezd gnbv gy3t qojq " * 2])
def test_our_own_column_is_sealed_in_place(home: NewHome, written: str):
    """
    Secrets that an older application has left in our own column are sealed where they stand; their users stay enabled,
    and their apps sign in. Nothing of them is left in any file.
    """
    user_id = home.add(totp_secret=written.strip(), twofa_enabled=True)

    done = home.run("columns", "--json")

    assert (done.code, rows_of(done.lines)) == (0, {f"user {user_id}": "sealed"})
    assert home.user(user_id).totp_secret.startswith("v1.")
    assert home.on_disk(written.strip(), BASE32) == []
    assert home.accepts(user_id, SECRET)


def test_a_fernet_column_is_sealed_under_its_user(home: NewHome):
    """
    What an older application encrypted with Fernet is opened under `ENCRYPTION_KEY`, and sealed for its user.
    """
    token = Fernet(home.key).encrypt(BASE32.encode()).decode()
    user_id = home.add(totp_secret=token, twofa_enabled=True)

    done = home.run("columns", "--json")

    assert (done.code, rows_of(done.lines)) == (0, {f"user {user_id}": "sealed"})
    assert home.on_disk(token) == []
    assert home.accepts(user_id, SECRET)


def test_it_can_run_twice(home: NewHome):
    """
    The second run finds nothing to do, and what was sealed stays as it is.
    """
    user_id = home.add(totp_secret=BASE32, twofa_enabled=True)
    home.run("columns")
    before = home.user(user_id)

    done = home.run("columns", "--json")

    assert (done.code, rows_of(done.lines)) == (0, {})
    assert before == home.user(user_id)


def test_what_was_never_turned_on_goes(home: NewHome):
    """
    A set-up that nobody has finished is of no use: its secret is deleted, and its user is not enabled.
    """
    user_id = home.add(totp_secret=BASE32, twofa_enabled=False)

    done = home.run("columns", "--json")

    assert rows_of(done.lines) == {f"user {user_id}": "skipped"}
    assert (home.user(user_id).totp_secret, home.user(user_id).twofa_enabled) == (None, False)
    assert home.on_disk(BASE32) == []


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_in_our_own_column_goes(home: NewHome, blank: str):
    """
    What an older application wrote for "none" is no secret: our own column is emptied of it, and whoever was enabled
    stays so, without an app. A dry run leaves it, and a column of the application's own keeps it.
    """
    users = [home.add(f"{on}@example.com", totp_secret=blank, twofa_enabled=on, otp_key=blank) for on in (False, True)]
    before = [home.user(user_id) for user_id in users]

    dry, theirs = home.run("columns", "--dry-run", "--json"), home.run("columns", "--column", "otp_key", "--json")
    untouched = [home.user(user_id) for user_id in users]
    done = home.run("columns", "--json")

    outcomes = {f"user {user_id}": "skipped" for user_id in users}
    assert [(each.code, rows_of(each.lines)) for each in (dry, theirs, done)] == [(0, outcomes), (0, {}), (0, outcomes)]
    assert untouched == before
    after = [home.user(user_id) for user_id in users]
    assert [(row.totp_secret, row.twofa_enabled) for row in after] == [(None, False), (None, True)]
    assert isinstance(home.auth.sign_in.begin(users[1]), SecondFactorPending)


def test_another_column_is_emptied(home: NewHome):
    """
    A secret in a column of the application's own is live here, and gone there, by one transaction; an event says so.
    """
    user_id = home.add(otp_key=f"otpauth://totp/Old:ann?secret={BASE32}&issuer=Old&algorithm=SHA512&period=60")

    done = home.run("columns", "--column", "otp_key", "--json")

    assert (done.code, rows_of(done.lines)) == (0, {f"user {user_id}": "imported"})
    assert home.user(user_id).otp_key is None
    assert home.on_disk(BASE32) == []
    [event] = home.auth.events.of_everybody().items
    assert (event.kind, event.actor) == (EventKind.SECRET_IMPORTED, "command line")
    assert home.accepts(user_id, TotpSecret(BASE32, "SHA512", 6, 60))


def test_nothing_is_left_in_a_file(any_home: NewHome):
    """
    Of many secrets, short and long, none is left in the file, its log or beside them, although the host does not ask
    SQLite to wipe what goes.
    """
    secrets = [letter * 2 + BASE32[2:] for letter in "ABCDEFGHIJKLMNOP"]
    for number, secret in enumerate(secrets):
        any_home.add(
            f"{number}@example.com", otp_key=f"otpauth://totp/{'x' * 250}?secret={secret}" if number % 3 else secret
        )
    any_home.add()
    before = any_home.on_disk(*secrets)

    any_home.run("columns", "--column", "otp_key")

    assert before == secrets
    assert any_home.on_disk(*secrets) == []


def test_a_column_says_who_had_it_on(home: NewHome):
    """
    With `--enabled-column` only those are imported for whom it says so; what others have there stays, for the switch
    that was named could be the wrong one, and is counted.
    """
    on, off, unsaid = (
        home.add(f"{name}@example.com", otp_key=BASE32, otp_on=name == "ann" if name != "cid" else None)
        for name in ("ann", "bob", "cid")
    )

    done = home.run("columns", "--column", "otp_key", "--enabled-column", "otp_on", "--json")

    assert rows_of(done.lines) == {f"user {on}": "imported", f"user {off}": "skipped", f"user {unsaid}": "skipped"}
    assert [home.user(each).otp_key for each in (on, off, unsaid)] == [None, BASE32, BASE32]
    assert summary_of(done.lines)["still_there"] == 2
    assert [home.user(each).twofa_enabled for each in (on, off, unsaid)] == [True, False, False]


def test_our_own_column_may_have_another_switch(home: NewHome):
    """
    Where the older application had a switch of its own beside our column, its users become enabled here.
    """
    user_id = home.add(totp_secret=BASE32, twofa_enabled=False, otp_on=True)

    done = home.run("columns", "--enabled-column", "otp_on", "--json")

    assert rows_of(done.lines) == {f"user {user_id}": "imported"}
    assert home.user(user_id).twofa_enabled
    assert home.accepts(user_id, SECRET)


def test_what_cannot_be_taken_over_stays_and_is_told(home: NewHome):
    """
    A value that is no secret stays where it is, with nothing of it in the report, and the command ends with 1.
    """
    good = home.add(otp_key=BASE32)
    bad = home.add("bob@example.com", otp_key="hunter2hunter2")
    long = home.add("cid@example.com", otp_key=f"otpauth://totp/cid?secret={OTHER}&digits=8")

    done = home.run("columns", "--column", "otp_key", "--json")

    assert done.code == 1
    assert rows_of(done.lines) == {f"user {good}": "imported", f"user {bad}": "refused", f"user {long}": "refused"}
    assert (summary_of(done.lines)["deleted"], summary_of(done.lines)["still_there"]) == (1, 2)
    assert home.user(bad).otp_key == "hunter2hunter2"
    assert "hunter2" not in done.out + done.err
    assert OTHER not in done.out + done.err


def test_an_app_that_is_set_up_here_stays(home: NewHome):
    """
    Whoever has set up an app here keeps it; the old secret stays where it is, and the report says so.
    """
    user_id = home.add(otp_key=BASE32)
    home.run("columns", "--column", "otp_key")
    with home.engine.begin() as connection:
        connection.execute(update(home.users.__table__).values(otp_key=OTHER))

    done = home.run("columns", "--column", "otp_key", "--json")

    assert (done.code, rows_of(done.lines)) == (0, {f"user {user_id}": "kept"})
    assert home.user(user_id).otp_key == OTHER
    assert home.accepts(user_id, SECRET)


def test_what_changes_meanwhile_is_left_as_it_is(home: NewHome):
    """
    A value that is another one by the time it is taken over, if only in the case of its letters, or that is gone, is
    not taken over; nobody is enrolled, and what stands there now stays.
    """
    users = [home.add(f"{name}@example.com", otp_key=BASE32) for name in ("ann", "bob", "cid")]
    table = home.users.__table__
    found = list(UserColumn("otp_key").found(home.auth.imports.read))
    for user_id, value in zip(users, (OTHER, BASE32.lower(), None), strict=True):
        with home.engine.begin() as connection:
            connection.execute(update(table).where(table.c.id == user_id).values(otp_key=value))

    taken = [home.auth.imports.take(each, origin="a test", actor="tester") for each in found]

    assert [each.outcome for each in taken] == ["refused"] * 3
    assert [home.user(user_id).otp_key for user_id in users] == [OTHER, BASE32.lower(), None]
    assert not any(home.user(user_id).twofa_enabled for user_id in users)


def test_a_set_up_that_is_finished_meanwhile_stays(home: NewHome):
    """
    A secret that was of no use when it was found, and by which its user signs in by now, is neither deleted nor left
    unsealed by the next run.
    """
    user_id = home.add(totp_secret=BASE32, twofa_enabled=False)
    [found] = UserColumn().found(home.auth.imports.read)
    table = home.users.__table__
    with home.engine.begin() as connection:
        connection.execute(update(table).where(table.c.id == user_id).values(twofa_enabled=True))

    taken = home.auth.imports.take(found, origin="a test", actor="tester")

    assert taken.outcome == "refused"
    assert home.user(user_id).totp_secret == BASE32
    assert rows_of(home.run("columns", "--json").lines) == {f"user {user_id}": "sealed"}


@pytest.mark.parametrize("column", ["totp_secret", "otp_key"])
def test_two_imports_at_once(home: NewHome, column: str):
    """
    What another import has taken over since it was found is there already, or was of no use: nobody has to look.
    """
    enabled = {"twofa_enabled": True} if column == "totp_secret" else {}
    home.add("ann@example.com", **{column: BASE32}, **enabled)
    home.add("bob@example.com", totp_secret=BASE32)
    found = list(UserColumn(column).found(home.auth.imports.read))
    assert home.run("columns", "--column", column, "--json").code == 0

    outcomes = [home.auth.imports.take(each, origin="a test", actor="tester").outcome for each in found]

    assert outcomes == ["already_there", "skipped"][: len(outcomes)]


def test_many_users(home: NewHome):
    """
    More users than are in memory at once: each is imported once.
    """
    with home.engine.begin() as connection:
        rows = [{"id": n, "email": f"{n}@example.com", "otp_key": BASE32} for n in range(1, 206)]
        connection.execute(home.users.__table__.insert(), rows)

    done = home.run("columns", "--column", "otp_key", "--json")

    assert summary_of(done.lines)["outcomes"] == {"imported": 205}
    assert len(rows_of(done.lines)) == 205


def test_a_weak_secret_is_told(home: NewHome):
    """
    A secret of 80 bits signs in once more, and nothing of it is left anywhere afterwards.
    """
    user_id = home.add(totp_secret=WEAK, twofa_enabled=True)

    done = home.run("columns", "--json")

    assert summary_of(done.lines)["weak"] == 1
    assert home.accepts(user_id, TotpSecret(WEAK, from_elsewhere=True))
    assert (home.user(user_id).totp_secret, home.user(user_id).twofa_enabled) == (None, True)
    assert home.on_disk(WEAK) == []


def test_a_dry_run_writes_nothing(home: NewHome):
    """
    It says what would happen, and changes no row.
    """
    users = [home.add(otp_key=BASE32), home.add("bob@example.com", totp_secret=OTHER, twofa_enabled=True)]
    before = [home.user(user_id) for user_id in users]

    told = home.run("columns", "--dry-run", "--json"), home.run("columns", "--column", "otp_key", "--dry-run", "--json")

    assert [rows_of(done.lines) for done in told] == [{f"user {users[1]}": "sealed"}, {f"user {users[0]}": "imported"}]
    assert before == [home.user(user_id) for user_id in users]
    assert home.auth.events.of_everybody().items == ()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_columns_of_our_names_beside_a_side_table(home_on: Any, kind: str):
    """
    Where our columns are in a side table, a column of the same name on the users is the older application's: it is
    imported, and emptied, in the way in which a column can be that must have something.
    """
    aside: NewHome = home_on(kind, aside=True)
    user_id = aside.add(totp_secret=BASE32, twofa_enabled=True)
    off = aside.add("bob@example.com", totp_secret=OTHER, twofa_enabled=False)
    aside.add("cid@example.com")

    done = aside.run("columns", "--enabled-column", "twofa_enabled", "--json")

    assert rows_of(done.lines) == {f"user {user_id}": "imported", f"user {off}": "skipped"}
    assert (aside.user(user_id).totp_secret, aside.user(off).totp_secret) == ("", OTHER)
    assert aside.on_disk(BASE32) == []
    assert aside.accepts(user_id, SECRET)


def test_a_fernet_key_of_the_other_application(any_home: NewHome):
    """
    The key comes from a variable or a file, never from the command line; without it, or under another, the row is
    refused.
    """
    key = Fernet.generate_key().decode()
    token = Fernet(key).encrypt(BASE32.encode()).decode()
    users = [any_home.add(f"{name}@example.com", otp_key=token) for name in ("ann", "bob")]
    (any_home.folder / "key").write_text(f"{key}\n")

    without = any_home.run("columns", "--column", "otp_key", "--json")
    with any_home.engine.begin() as connection:
        table = any_home.users.__table__
        connection.execute(update(table).where(table.c.id == users[1]).values(otp_key=None))
    by_variable = any_home.run("columns", "--column", "otp_key", "--fernet-key-env", "OLD_KEY", "--json", OLD_KEY=key)
    again = any_home.add("cid@example.com", otp_key=token)
    by_file = any_home.run("columns", "--column", "otp_key", "--fernet-key-file", f"{any_home.folder}/key", "--json")

    assert set(rows_of(without.lines).values()) == {"refused"}
    assert rows_of(by_variable.lines) == {f"user {users[0]}": "imported"}
    assert rows_of(by_file.lines) == {f"user {again}": "imported"}
    assert not any(key in done.out + done.err for done in (without, by_variable, by_file))


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["columns", "--column", "nothing"], "no column nothing"),
        (["columns", "--enabled-column", "nothing"], "no column nothing"),
        (["columns", "--fernet-key-env", "NOTHING"], "not set"),
        (["columns", "--fernet-key-file", "/nothing"], "cannot be read"),
        (["columns", "--fernet-key-env", "IMPORT_HOST_URL"], "Fernet key, entry 1"),
        (["columns", "--fernet-key-env", "A", "--fernet-key-file", "/a"], "not by both"),
        (["django-otp"], "no table auth_user"),
        (["django-otp", "--database", "nothing://x:secret@y/z"], "not understood"),
        (["django-otp", "--database", "secret"], "not understood"),
        (["django-otp", "--database", "sqlite:///nothing.db"], "no file of this name"),
        (["csv", "/nothing"], "No such file"),
        (["csv", "-"], "The file is empty"),
    ],
)
def test_a_wrong_call_ends_with_2(any_home: NewHome, words: list[str], what: str):
    """
    Whatever cannot be what was meant ends with 2 and one line that says what to write.
    """
    done = any_home.run(*words)

    assert done.code == 2
    assert what in done.err
    assert "secret" not in done.err


def test_a_value_of_any_kind_may_stand_in_a_column(any_home: NewHome):
    """
    SQLite lets anything get into a text: what is no text is refused alone.
    """
    good = any_home.add(otp_key=BASE32)
    bad = [any_home.add(f"{n}@example.com") for n in range(3)]
    for user_id, value in zip(bad, ["x'ff00ff'", "12345678901234567890", "cast(x'ff' as text)"], strict=True):
        with any_home.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE users SET otp_key = {value} WHERE id = {user_id}")

    done = any_home.run("columns", "--column", "otp_key", "--json")

    assert rows_of(done.lines) == {f"user {good}": "imported"} | {f"user {each}": "refused" for each in bad}


def test_somebody_who_reads_keeps_the_log_full(any_home: NewHome):
    """
    A reader of SQLite's write-ahead log keeps it from being emptied: the command says so and ends with 1; once nobody
    reads, the next run empties it.
    """
    any_home.add(totp_secret=BASE32, twofa_enabled=True)

    with any_home.engine.connect() as reader:
        reader.exec_driver_sql("BEGIN")
        reader.exec_driver_sql("SELECT * FROM users").all()
        done = any_home.run("columns", "--json")
        left = any_home.on_disk(BASE32)
    again = any_home.run("columns", "--json")

    assert (done.code, summary_of(done.lines)["log_is_full"], left) == (1, True, [BASE32])
    assert (again.code, any_home.on_disk(BASE32)) == (0, [])


# -- Files


CSV = f"""account,secret,algorithm,digits,period,last_used_step
ann@example.com,{BASE32},,,,
bob@example.com,{OTHER},SHA256,6,60,
nobody@example.com,{OTHER},,,,
cid@example.com,{OTHER},,8,,
cid@example.com,{OTHER},,,0,
cid@example.com,{OTHER},,,,99999999999999
twin@example.com,{OTHER},,,,
"""


def test_a_csv_file(home: NewHome):
    """
    Each line is told with its number: imported, unknown, ambiguous, or refused with the reason; nothing is left of it
    but what is sealed, and the report says that the file itself is still there.
    """
    names = ("ann", "bob", "cid", "twin", "twin")
    ann, bob, cid, *_ = (home.add(f"{name}@example.com") for name in names)
    file = home.folder / "people.csv"
    file.write_text(CSV)

    done = home.run("csv", str(file), "--json")

    assert done.code == 1
    assert list(rows_of(done.lines).values()) == [
        *("imported", "imported", "unknown", "refused", "refused", "refused", "ambiguous"),
    ]
    assert any(str(file) in remark for remark in summary_of(done.lines)["remarks"])
    assert not any(secret in done.out + done.err for secret in (BASE32, OTHER))
    assert home.on_disk(BASE32, OTHER) == []
    assert home.accepts(ann, SECRET)
    assert home.accepts(bob, TotpSecret(OTHER, "SHA256", 6, 60))
    assert not home.user(cid).twofa_enabled


def test_a_csv_file_can_be_imported_twice(home: NewHome):
    """
    What was imported is there already; what is new is imported.
    """
    ann, bob = home.add("ann@example.com"), home.add("bob@example.com")
    first = f"account,secret\nann@example.com,{BASE32}\n"

    before = home.run("csv", "-", "--json", typed=first)
    after = home.run("csv", "-", "--json", typed=f"{first}bob@example.com,{OTHER}\n")

    assert rows_of(before.lines) == {"line 2": "imported"}
    assert (after.code, rows_of(after.lines)) == (0, {"line 2": "already_there", "line 3": "imported"})
    assert home.user(ann).twofa_enabled
    assert home.user(bob).twofa_enabled


def test_a_list_of_uris(home: NewHome):
    """
    One URI a line; the account is in its label, or before it.
    """
    for name in ("ann", "bob"):
        home.add(f"{name}@example.com")
    uris = [
        f"otpauth://totp/Old:ann%40example.com?secret={BASE32}&issuer=Old",
        f"bob@example.com\totpauth://totp/whoever?secret={OTHER}",
        f"otpauth://hotp/ann%40example.com?secret={BASE32}&counter=7",
    ]

    done = home.run("otpauth", "-", "--json", typed="\n".join(uris))

    assert (done.code, rows_of(done.lines)) == (1, {"line 1": "imported", "line 2": "imported", "line 3": "refused"})


def test_accounts_in_capitals(any_home: NewHome):
    """
    An account is the one of exactly that name; `--lower-case` looks it up in lower case.
    """
    any_home.add()
    line = f"otpauth://totp/Ann%40Example.com?secret={BASE32}"

    as_it_is = any_home.run("otpauth", "-", "--json", typed=line)
    lowered = any_home.run("otpauth", "-", "--lower-case", "--json", typed=line)

    assert (as_it_is.code, rows_of(as_it_is.lines)) == (1, {"line 1": "unknown"})
    assert (lowered.code, rows_of(lowered.lines)) == (0, {"line 1": "imported"})


@pytest.mark.parametrize(
    "account", ["\u00e1nn@example.com", "ann@example.com ", "ANN@EXAMPLE.COM", "ann@example.co\u1d50"]
)
def test_other_letters_are_another_account(home: NewHome, account: str):
    """
    What some databases take for the same letters is not taken for the same user; spaces around a name are none of it.
    """
    home.add("ann@example.com")

    done = home.run("csv", "-", "--json", typed=f"account,secret\n{account},{BASE32}\n")

    assert list(rows_of(done.lines).values()) == ["imported" if account.strip() == "ann@example.com" else "unknown"]


@pytest.mark.parametrize(
    "typed",
    [
        b"account;secret\nann;x\n",
        b"account,secrets\nann,x\n",
        b"\xff\xfea\0c\0",
        b"a" * 10_000,
        b"account,secret\0\n",
    ],
)
def test_a_file_of_another_form_ends_with_2(any_home: NewHome, typed: bytes):
    """
    Where the first line is not understood no line is.
    """
    done = any_home.run("csv", "-", typed=typed)

    assert done.code == 2
    assert done.out == ""


def test_columns_that_were_mixed_up(any_home: NewHome):
    """
    Where secrets stand in the place of accounts none gets into the report.
    """
    typed = f"account,secret\n{BASE32},{OTHER}\n{BASE32},ann@example.com\n"

    for options in (["--json"], []):
        done = any_home.run("csv", "-", *options, typed=typed)
        assert done.code == 1
        assert not any(secret in done.out + done.err for secret in (BASE32, OTHER))


def test_it_may_be_killed(any_home: NewHome):
    """
    Each row is done as it comes in, and told; killed in the middle and run again it goes on, and takes nobody over
    twice.
    """
    people = [any_home.add(f"{number}@example.com") for number in range(30)]
    lines = ["account,secret\n", *(f"{number}@example.com,{BASE32}\n" for number in range(30))]
    command = [sys.executable, "-m", "twofold", "import", "csv", "-", "--json"]
    variables = os.environ | any_home.environment
    with subprocess.Popen(
        command, cwd=ROOT, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("".join(lines[:11]))
        process.stdin.flush()
        told = [json.loads(process.stdout.readline())["outcome"] for _ in range(10)]
        process.kill()

    again = any_home.run("csv", "-", "--json", typed="".join(lines))

    assert told == ["imported"] * 10
    assert again.code == 0
    assert [*rows_of(again.lines).values()] == ["already_there"] * 10 + ["imported"] * 20
    assert {any_home.user(user_id).twofa_epoch for user_id in people} == {1}


def test_what_people_see(any_home: NewHome):
    """
    One line for each row as it is done, then a table of outcomes; what is to be known besides, on standard error.
    """
    any_home.add()

    done = any_home.run("csv", "-", typed=f"account,secret\nann@example.com,{WEAK}\nbob@example.com,{BASE32}\n")

    lines = done.out.splitlines()
    assert lines[0].split("  ")[:3] == ["line 2", "ann@example.com", "imported"]
    assert lines[1].split("  ")[:3] == ["line 3", "bob@example.com", "unknown"]
    assert "What was done" in done.out
    assert "signs in once more" in done.err


def test_nothing_of_a_file_is_written_elsewhere(any_home: NewHome):
    """
    The import makes no file beside the database's.
    """
    any_home.add()
    before = {path.name for path in any_home.folder.iterdir()}

    any_home.run("csv", "-", typed=f"account,secret\nann@example.com,{BASE32}\n")

    assert {path.name for path in any_home.folder.iterdir()} - before <= {"home.db-wal", "home.db-shm"}


def test_the_report_is_lines_of_json(any_home: NewHome):
    """
    Each row is one object on a line, and the last line has the summary.
    """
    any_home.add()

    done = any_home.run("csv", "-", "--json", typed=f"account,secret\nann@example.com,{BASE32}\n")

    first, last = map(json.loads, done.out.splitlines())
    assert first == {
        "place": "line 2",
        "outcome": "imported",
        "account": "ann@example.com",
        "user": "1",
        "notes": [],
        "weak": False,
    }
    assert last["summary"]["outcomes"] == {"imported": 1}
