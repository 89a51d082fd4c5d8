"""The folder in which workers count is there while they do, and no longer, whatever becomes of them."""

import stat
import subprocess
import sys
from pathlib import Path

from twofold.prometheus.folder import shared_folder

HOLDER = """
import sys
from pathlib import Path
from twofold.prometheus.folder import shared_folder
with shared_folder(Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_folder_of_its_own(tmp_path: Path):
    """
    Each application has one of its own, which nobody else may read, and which goes with it and all that is in it.
    """
    with shared_folder(tmp_path) as one, shared_folder(tmp_path) as other:
        (one / "counter_7.db").write_bytes(b"x")
        there = {folder: stat.S_IMODE(folder.stat().st_mode) for folder in (one, other)}

    assert len(there) == 2
    assert set(there.values()) == {0o700}
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_one_left_goes(tmp_path: Path):
    """
    While an application runs nobody takes its folder away; when it was killed, the next one that starts does.
    """
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        folder = Path(holder.stdout.readline().strip())
        with shared_folder(tmp_path):
            alive = folder.is_dir()
        holder.kill()
        holder.wait()
        left = folder.is_dir()
        with shared_folder(tmp_path):
            after = folder.exists()

    assert (alive, left, after) == (True, True, False)


def test_what_is_not_ours_stays(tmp_path: Path):
    """
    What only has such a name is not followed, and what has another one is not looked at.
    """
    precious, other = tmp_path / "precious", tmp_path / "twofold-metrics-file"
    precious.mkdir()
    other.write_text("x")
    (precious / "file").write_text("x")
    (tmp_path / "twofold-metrics-link").symlink_to(precious)

    with shared_folder(tmp_path):
        pass

    assert (precious / "file").read_text() == other.read_text() == "x"
