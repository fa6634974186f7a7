"""The file of those who name no permit store, and the notes that find a second one on the same host."""

import os
import stat
import time
from pathlib import Path

import pytest

from maskmatch.core.errors import WrongSetting
from maskmatch.permits.opening import claim_default, quota_key
from maskmatch.permits.stores.default_file import claim

KEY, OTHER_KEY = quota_key("AKIDone"), quota_key("AKIDother")


@pytest.fixture
def notes(tmp_path):
    (folder := tmp_path / "notes").mkdir()
    return folder


def file_of(tmp_path, user):
    return tmp_path / user / ".maskmatch" / "permits.sqlite3"


def test_a_second_file_for_an_account_is_refused_with_the_cure(tmp_path, notes):
    ann, bob = file_of(tmp_path, "ann"), file_of(tmp_path, "bob")
    claim(ann, KEY, notes)
    with pytest.raises(WrongSetting) as caught:
        claim(bob, KEY, notes)
    (note,) = notes.iterdir()
    for part in (
        str(ann),
        str(bob),
        "--permit-store, MASKMATCH_PERMIT_STORE or the field permit_store",
        str(note),
    ):
        assert part in str(caught.value)
    claim(ann, KEY, notes)  # which goes on as before


def test_one_file_is_claimed_again_and_again_and_other_accounts_are_left_alone(tmp_path, notes):
    ann, bob = file_of(tmp_path, "ann"), file_of(tmp_path, "bob")
    for _ in range(2):
        claim(ann, KEY, notes)
        claim(bob, OTHER_KEY, notes)
    assert len(list(notes.iterdir())) == 2


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_note_can_be_read_by_all_written_by_one_and_holds_no_secret(tmp_path, notes, umask):
    before = os.umask(umask)
    claim(file_of(tmp_path, "ann"), KEY, notes)
    os.umask(before)
    (note,) = notes.iterdir()
    assert stat.S_IMODE(note.stat().st_mode) == 0o644
    assert "AKID" not in note.name + note.read_text()


def test_a_note_counts_for_forty_days_after_the_last_use(tmp_path, notes):
    ann, bob = file_of(tmp_path, "ann"), file_of(tmp_path, "bob")
    claim(ann, KEY, notes)
    (note,) = notes.iterdir()
    os.utime(note, (time.time() - 39 * 86400,) * 2)
    with pytest.raises(WrongSetting):
        claim(bob, KEY, notes)
    claim(ann, KEY, notes)
    assert time.time() - note.stat().st_mtime < 60
    os.utime(note, (time.time() - 41 * 86400,) * 2)
    claim(bob, KEY, notes)


def test_a_file_that_has_gone_does_not_count(tmp_path, notes):
    ann, bob = file_of(tmp_path, "ann"), file_of(tmp_path, "bob")
    claim(ann, KEY, notes)
    ann.unlink()
    claim(bob, KEY, notes)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_another_user_is_found_though_his_home_may_not_be_entered(tmp_path, notes):
    ann, bob = file_of(tmp_path, "ann"), file_of(tmp_path, "bob")
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o011)
    notes.chmod(0o1777)
    claim(ann, KEY, notes)
    os.seteuid(65534)
    try:
        with pytest.raises(WrongSetting, match="two users of this host"):
            claim(bob, KEY, notes)
    finally:
        os.seteuid(0)


def test_links_folders_pipes_and_rubbish_are_neither_followed_nor_believed(tmp_path, notes):
    ann, bob = file_of(tmp_path, "ann"), file_of(tmp_path, "bob")
    claim(ann, KEY, notes)
    (note,) = notes.iterdir()
    stem = note.name.rpartition("-")[0]
    note.rename(tmp_path / "real")
    note.symlink_to(tmp_path / "real")
    (notes / f"{stem}-folder").mkdir()
    os.mkfifo(notes / f"{stem}-pipe")
    (notes / f"{stem}-rubbish").write_bytes(b"\xff\x00")
    (notes / f"{stem}-other").write_text(str(ann))  # of another name than this file's
    claim(bob, KEY, notes)
    victim = tmp_path / "victim"
    (mine,) = (each for each in notes.iterdir() if each.is_file() and each.read_bytes() == bytes(bob))
    mine.unlink()
    mine.symlink_to(victim)
    claim(bob, KEY, notes)
    assert not victim.exists()


def test_two_that_begin_at_the_same_moment_do_not_both_go_on(tmp_path, notes, monkeypatch):
    ann, bob = file_of(tmp_path, "ann"), file_of(tmp_path, "bob")

    class AtTheSameMoment(type(notes)):
        """A folder in which the other leaves his note after the first look."""

        looks = 0

        def glob(self, pattern):
            AtTheSameMoment.looks += 1
            if AtTheSameMoment.looks == 2:
                claim(ann, KEY, notes.parent / "elsewhere")
                for each in (notes.parent / "elsewhere").iterdir():
                    each.rename(notes / each.name)
            return super().glob(pattern)

    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(WrongSetting):
        claim(bob, KEY, AtTheSameMoment(notes))
    assert [each.read_text() for each in notes.iterdir()] == [str(ann)]


def test_without_a_folder_for_notes_everything_goes_on(tmp_path):
    claim(file_of(tmp_path, "ann"), KEY, tmp_path / "nowhere")
    claim(file_of(tmp_path, "bob"), KEY, tmp_path / "nowhere")


@pytest.mark.parametrize("uri", ["redis://cache/0", "sqlite:////var/lib/maskmatch/permits.sqlite3"])
def test_a_store_that_is_named_is_not_claimed(uri):
    assert claim_default(uri, secret_id="AKIDone") == ""


def test_the_default_says_by_whom_it_is_shared(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    account = f"for this test alone {tmp_path}"
    try:
        text = claim_default(f"sqlite:///{Path.home()}/.maskmatch/permits.sqlite3", secret_id=account)
    finally:
        for note in Path("/var/tmp").glob(f"maskmatch-{quota_key(account).rpartition(':')[2]}-*"):
            note.unlink()
    assert f"sqlite:///{tmp_path}/.maskmatch/permits.sqlite3: shared only by processes of user" in text
    assert text.endswith(f"on host {os.uname().nodename}")
