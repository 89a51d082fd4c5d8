"""`twofold keys`."""

import base64

from cryptography.fernet import Fernet

from tests.cli.conftest import Operator
from twofold import KeyRing


def id_of(entry: str) -> str:
    return KeyRing([entry]).key_ids[0]


def totals(done) -> dict[str, int]:
    return {key["key_id"]: sum(key["rows"].values()) for key in done.json["keys"]}


def test_a_new_key_is_one(operator: Operator):
    """
    `keys new` prints a fresh key and nothing else, so that it can be piped; no two are the same.
    """
    made = [operator.run("keys", "new") for _ in range(2)]

    assert [len(base64.urlsafe_b64decode(done.out.strip())) for done in made] == [32, 32]
    assert made[0].out != made[1].out
    assert KeyRing([done.out.strip() for done in made]).key_ids
    assert [done.err for done in made] == ["", ""]


def test_the_whole_way_of_a_new_key(each_operator: Operator):
    """
    Status, dry run, rotation and retirement: afterwards the old key can go, and the person still gets in.
    """
    person, new = each_operator.world.enrolled(), Fernet.generate_key().decode()
    old = each_operator.keys[0]
    both = [new, old]

    before = each_operator.run("keys", "status", "--json")
    assert totals(before)[id_of(old)] >= 2
    warned = each_operator.run("keys", "status", keys=both)
    assert "unknown to the rows" in warned.err

    refused = each_operator.run("keys", "retire", id_of(old), keys=both)
    assert (refused.code, "in use" in refused.err) == (1, True)
    dry = each_operator.run("keys", "rotate", "--dry-run", "--json", keys=both)
    assert dry.code == 0
    assert dry.json["before"] == dry.json["after"]
    assert dry.json["rotated"]["rows"] >= 1

    done = each_operator.run("keys", "rotate", "--json", keys=both)
    assert (done.code, done.json["rotated"]["left"]) == (0, 0)
    after = each_operator.run("keys", "status", "--json", keys=both)
    assert totals(after) == {id_of(new): sum(totals(before).values()), id_of(old): 0}
    retired = each_operator.run("keys", "retire", id_of(old), keys=both)
    assert (retired.code, "entry 2" in retired.out) == (0, True)

    back = each_operator.run("keys", "rotate", keys=[old, new])
    assert back.code == 0
    assert person.post("/step-up", {"code": person.code()}).status_code == 200


def test_a_person_reads_a_table(operator: Operator):
    """
    For people it is a table with whole key ids, before and after; standard error tells how far it has come.
    """
    operator.world.enrolled()
    new = Fernet.generate_key().decode()
    done = operator.run("keys", "rotate", keys=[new, *operator.keys])

    assert done.out.count(id_of(new)) == done.out.count(id_of(operator.keys[0])) == 2
    assert "Rewriting" in done.err
    operator.run("keys", "rotate", keys=[*operator.keys, new])


def test_a_missing_key_ends_with_one(operator: Operator):
    """
    Where rows do not open, rotation says how many and ends with 1; nothing is lost.
    """
    operator.world.enrolled()
    new = Fernet.generate_key().decode()
    done = operator.run("keys", "rotate", keys=[new])

    assert done.code == 1
    assert "do not open" in done.err
    assert totals(operator.run("keys", "status", "--json"))[id_of(operator.keys[0])] >= 2


def test_no_key_and_no_value_is_printed(operator: Operator):
    """
    What the commands print holds neither a key nor a sealed value.
    """
    person = operator.world.enrolled()
    new = Fernet.generate_key().decode()
    commands = (["status"], ["status", "--json"], ["rotate", "--dry-run"], ["rotate", "--json"], ["retire", id_of(new)])
    said = "".join(done.out + done.err for words in commands for done in [operator.run("keys", *words, keys=[new])])

    for secret in (new, *operator.keys, person.row()["totp_secret"], person.secret):
        assert secret not in said
    assert said
