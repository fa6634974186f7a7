"""A store in a folder: who may read its files, and what is left of a writer that was killed."""

import errno
import multiprocessing
import os
import socket
import stat
import subprocess
import time
from datetime import date

import pytest

from maskmatch.core.errors import InputError, ObjectMissing, StoreRefused
from maskmatch.storage.object_stores import FileStore, open_store, read_mode
from maskmatch.storage.object_stores.temporary import remove_leftovers, temporary_file
from maskmatch.storage.tables import current_key, history_key, pointer_key, refused_key
from tests.waiting import wait_until

DAY = date(2026, 11, 22)
TABLES = (
    *(current_key(table, DAY) for table in ("outcomes", "runs", "attempts", "images")),
    refused_key(DAY, "p"),
    history_key("images", DAY, "p"),
    pointer_key("runs", DAY),
)
PLAN = "work/ds=2026-11-22/plan=1/plan.json"


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.parametrize(
    ("table_mode", "file", "folder"), [(0o640, 0o640, 0o750), (0o600, 0o600, 0o700), (0o664, 0o664, 0o775)]
)
def test_tables_have_the_mode_asked_for_and_all_else_is_private(tmp_path, umask, table_mode, file, folder):
    store = open_store(f"file://{tmp_path}/new/warehouse", table_mode=table_mode)
    for key in (PLAN, *TABLES):
        store.put(key, b"x")
    (tmp_path / "local").write_bytes(b"y")
    store.put_file("work/packed", str(tmp_path / "local"))
    root = tmp_path / "new" / "warehouse"
    assert {mode_of(root / key) for key in TABLES} == {file}
    assert {mode_of(root / PLAN), mode_of(root / "work" / "packed")} == {0o600}
    private = [root / "work", *(path for path in (root / "work").rglob("*") if path.is_dir())]
    folders = [each for key in TABLES for each in (root / key).parents[: key.count("/")]]
    open_ones = [root, root.parent, *folders]
    assert {mode_of(path) for path in private} == {0o700}
    assert {mode_of(path) for path in open_ones} == {folder}


def test_folders_that_are_there_keep_their_modes_and_pass_on_their_group(tmp_path):
    tmp_path.chmod(0o2755)
    FileStore(tmp_path).put(TABLES[0], b"x")
    assert mode_of(tmp_path) == 0o2755
    assert mode_of(tmp_path / "outcomes") == 0o2750


def test_a_table_that_is_replaced_gets_the_mode_of_today(tmp_path):
    FileStore(tmp_path).put(TABLES[0], b"x")
    FileStore(tmp_path, table_mode=0o600).put(TABLES[0], b"y")
    assert mode_of(tmp_path / TABLES[0]) == 0o600


@pytest.mark.parametrize(
    ("text", "mode"), [("0640", 0o640), ("600", 0o600), ("0664", 0o664), ("0644", 0o644)]
)
def test_a_mode_is_read_in_octal(text, mode):
    assert read_mode(text) == mode


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rw-r-----",
        "0o640",
        "0680",
        "416",
        "0666",
        "0642",
        "0750",
        "0440",
        "0040",
        "04640",
        "-640",
        "٠٦٤٠",
    ],
)
def test_a_mode_that_is_wrong_or_too_wide_is_refused_with_the_right_form(text):
    with pytest.raises(InputError, match=r"from 0600 to 0664, such as 0640"):
        read_mode(text)


def write_until_killed(folder):
    with temporary_file(folder) as (_, stream):
        stream.write(b"half of it")
        stream.flush()
        time.sleep(600)


@pytest.fixture
def writer(tmp_path):
    """Start a process that is writing into a folder, and return it."""
    process = multiprocessing.get_context("spawn").Process(target=write_until_killed, args=(tmp_path,))
    process.start()
    wait_until(lambda: any(path.stat().st_size for path in leftovers(tmp_path)), "a file that is written")
    yield process
    process.kill()
    process.join()


def leftovers(folder):
    return list(folder.rglob(".writing-*"))


def test_the_next_writer_removes_what_a_killed_one_left_and_no_earlier(tmp_path, writer):
    FileStore(tmp_path).put("x", b"data")
    assert len(leftovers(tmp_path)) == 1  # it is being written
    writer.kill()
    writer.join()
    assert len(leftovers(tmp_path)) == 1
    store = FileStore(tmp_path)
    assert [found.key for found in store.list("")] == ["x"]
    store.put("y", b"data")
    assert leftovers(tmp_path) == []


def test_a_file_that_another_host_left_goes_when_it_is_a_day_old(tmp_path):
    other = tmp_path / ".writing-other-host-1"
    other.touch()
    remove_leftovers(tmp_path)
    assert other.exists()
    os.utime(other, (time.time() - 90_000,) * 2)
    remove_leftovers(tmp_path)
    assert not other.exists()


def test_a_link_with_such_a_name_is_left_alone(tmp_path):
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / ".writing-link"
    link.symlink_to(tmp_path / "kept")
    remove_leftovers(tmp_path / "folder")
    assert (link.is_symlink(), (tmp_path / "kept").read_text()) == (True, "kept")


def others_in(store, prefix="manifests/"):
    return dict(store.list_others(prefix))


def test_what_is_no_file_or_leads_away_is_told_and_never_left_out(tmp_path, monkeypatch):
    root, away = tmp_path / "source", tmp_path / "away"
    store = FileStore(root)
    store.put("manifests/a.csv", b"x")
    store.put("manifests/sub/b.csv", b"x")
    away.mkdir()
    (away / "c.csv").write_bytes(b"x")
    folder = root / "manifests"
    (folder / "inside.csv").symlink_to(folder / "a.csv")
    (folder / "dangling.csv").symlink_to(folder / "nothing")
    (folder / "itself.csv").symlink_to(folder / "itself.csv")
    (folder / "outside.csv").symlink_to(away / "c.csv")
    (folder / "folder").symlink_to(folder / "sub")
    (folder / "folder_outside").symlink_to(away)
    os.mkfifo(folder / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as listener, monkeypatch.context() as moved:
        moved.chdir(folder)
        listener.bind("socket.csv")
    (folder / "device.csv").symlink_to("/dev/null")
    found = [each.key.removeprefix("manifests/") for each in store.list("manifests/")]
    assert found == ["a.csv", "inside.csv", "sub/b.csv"]
    told = {key.removeprefix("manifests/"): why for key, why in others_in(store).items()}
    assert told["dangling.csv"].startswith("a link that leads nowhere: remove it")
    assert told["itself.csv"].startswith("a link that leads nowhere")
    assert told["outside.csv"].startswith("a link that leads out of the store: put the files")
    assert told["folder"].startswith("a linked folder, which is not entered: put the files")
    assert told["folder_outside"].startswith("a link that leads out")
    assert told["pipe.csv"] == "a pipe: remove it"
    assert told["socket.csv"] == "a socket: remove it"
    assert told["device.csv"].startswith("a link that leads out")
    assert len(told) == 8


def test_a_folder_that_may_not_be_read_is_told_with_the_cure(tmp_path, monkeypatch):
    store = FileStore(tmp_path)
    store.put("manifests/sub/b.csv", b"x")
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("sub"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)  # root may read whatever it likes
    with pytest.raises(StoreRefused, match=r"manifests/sub may not be read by this user: grant it"):
        list(store.list("manifests/"))


def test_links_do_not_lead_out_of_the_store_neither_reading_nor_writing(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.jpg").write_bytes(b"x")
    store = FileStore(tmp_path / "source")
    store.put("images/b.jpg", b"y")
    (tmp_path / "source" / "images" / "a.jpg").symlink_to(tmp_path / "secret" / "a.jpg")
    (tmp_path / "source" / "images" / "c.jpg").symlink_to(tmp_path / "source" / "images" / "b.jpg")
    (tmp_path / "source" / "linked").symlink_to(tmp_path / "secret")
    assert store.get("images/c.jpg") == b"y"
    for key in ("images/a.jpg", "linked/a.jpg"):
        with pytest.raises(InputError, match=r"a.jpg cannot be read: it is a link that leads out of file://"):
            store.get(key)
    with pytest.raises(InputError, match="leads out of"):
        store.put("linked/new.jpg", b"z")
    assert [path.name for path in (tmp_path / "secret").iterdir()] == ["a.jpg"]


def test_a_source_may_be_a_whole_disk(tmp_path):
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "lost+found" / "x").write_bytes(b"x")  # whoever may not look into it is told nothing
    (tmp_path / "sub" / "lost+found").mkdir(parents=True)
    (tmp_path / "sub" / "lost+found" / "y").write_bytes(b"y")
    assert [each.key for each in FileStore(tmp_path).list("")] == ["sub/lost+found/y"]


def test_a_root_that_is_a_link_itself_is_where_it_leads(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = FileStore(tmp_path / "link")
    store.put("a/b", b"x")
    assert [each.key for each in store.list("")] == ["a/b"]
    assert store.get("a/b") == b"x"


def test_a_folder_a_thousand_deep_is_walked(tmp_path):
    deep = tmp_path
    for _ in range(1500):
        deep /= "d"
        deep.mkdir()
    (deep / "x").write_bytes(b"x")
    try:
        assert len([each.key for each in FileStore(tmp_path).list("")]) == 1
    finally:
        subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # Python's own way is recursive


def test_odd_characters_of_a_key_are_escaped_in_messages(tmp_path):
    with pytest.raises(ObjectMissing, match=r"a\\u200bb\\n does not exist"):
        FileStore(tmp_path).get("a\u200bb\n")
