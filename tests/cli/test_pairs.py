"""`maskmatch pairs` as a user types it: from a list to a manifest that `validate` finds sound."""

import json
import signal
import subprocess
import sys
from itertools import combinations
from uuid import uuid4

import pyarrow.parquet as pq
import pytest

from devstack.project import project_root
from maskmatch.cli.__main__ import main
from maskmatch.core.pairs import made_pair_id
from maskmatch.storage.object_stores import FileStore, open_store
from maskmatch.storage.object_stores.s3_uploads import PART_BYTES
from tests.nights import DAY
from tests.s3 import client_of
from tests.waiting import wait_until

LIST = "image_id,subject_id,camera\n" + "".join(
    f"images/{subject}{number}.jpg,{subject},cam {number}\n"
    for subject, count in (("anna", 4), ("bert", 2), ("carl", 1))
    for number in range(count)
)
IMAGES = [line.split(",")[0] for line in LIST.splitlines()[1:]]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    for name in ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "MASKMATCH_SOURCE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def images(tmp_path):
    path = tmp_path / "images.csv"
    path.write_text(LIST)
    return path


def pairs(images, *more: str) -> int:
    return main(["pairs", f"--images={images}", *more])


def rows(path) -> list[dict]:
    return pq.ParquetFile(path).read().to_pylist()


def names(folder) -> list[str]:
    return [each.name for each in folder.iterdir()]


def said(path) -> dict:
    return json.loads(pq.read_schema(path).metadata[b"maskmatch"])


def is_sound(path, capsys, count: int) -> bool:
    capsys.readouterr()
    status = main(["validate", str(path), "--max-bad-rows=0 of 1"])
    shown = capsys.readouterr().out
    return status == 0 and f"{count} rows: {count} pairs to compare, 0 rows that repeat one, 0 bad" in shown


def test_all_against_all(images, tmp_path, capsys):
    to = tmp_path / "pairs.parquet"
    assert pairs(images, f"--to={to}") == 0
    shown = capsys.readouterr().out
    assert "21 pairs, all against all: 21 calls at most, 0.07 CNY (0.0032 each), 0.0 hours at 50" in shown
    assert f"wrote {to.as_uri()}: 7 mated, 14 non-mated, 0 of unknown subjects" in shown
    found = rows(to)
    assert [(row["reference_id"], row["probe_id"]) for row in found] == list(combinations(IMAGES, 2))
    assert found[0]["pair_id"] == made_pair_id(IMAGES[0], IMAGES[1], None)
    assert [row["is_mated"] for row in found].count(True) == 7
    assert {row["reference_subject_id"] for row in found} == {"anna", "bert"}
    assert list(found[0]) == [
        "pair_id",
        "reference_id",
        "probe_id",
        "is_mated",
        "reference_subject_id",
        "probe_subject_id",
    ]
    assert is_sound(to, capsys, 21)


def test_the_list_of_the_document_is_one(tmp_path):
    document = (project_root() / "docs" / "pairs.md").read_text()
    path = tmp_path / "x.csv"
    path.write_text(document.partition("```csv\n")[2].partition("```")[0])
    assert pairs(path, f"--to={tmp_path / 'p.parquet'}", "--by-subject", "--non-mated=all") == 0
    assert [row["is_mated"] for row in rows(tmp_path / "p.parquet")] == [True, False, False]


def test_a_pair_of_an_unknown_subject_is_neither_mated_nor_not(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("image_id,subject_id\na,1\nb,1\nc,\nd,NaN\n")
    assert pairs(path, f"--to={tmp_path / 'p.parquet'}") == 0
    assert [row["is_mated"] for row in rows(tmp_path / "p.parquet")] == [True] + [None] * 5


def test_by_subject(images, tmp_path, capsys):
    to = tmp_path / "pairs.parquet"
    assert pairs(images, f"--to={to}", "--by-subject", "--mated-per-subject=3", "--non-mated=2.5x") == 0
    found = rows(to)
    kinds = [row["is_mated"] for row in found]
    assert (kinds.count(True), kinds.count(False)) == (4, 10)
    assert len({frozenset([row["reference_id"], row["probe_id"]]) for row in found}) == 14
    record = said(to)
    assert (record["mated"], record["non_mated"], record["pairs"], record["images"]) == (4, 10, 14, 7)
    assert (record["generator"], record["seed"], record["way"]) == ("maskmatch pairs", "0", "by subject")
    assert len(record["list_sha256"]) == 64
    assert is_sound(to, capsys, 14)


def test_one_list_against_another(images, tmp_path, capsys):
    other = tmp_path / "probes.jsonl"
    other.write_text('{"image_id": "images/anna0.jpg"}\n{"image_id": "images/x.jpg", "subject_id": "bert"}\n')
    to = tmp_path / "pairs.parquet"
    assert pairs(images, f"--against={other}", f"--to={to}") == 0
    assert "1 images are in both lists" in capsys.readouterr().out
    assert [row["probe_id"] for row in rows(to)] == ["images/anna0.jpg", "images/x.jpg"] * 7
    assert pairs(images, f"--against={other}", f"--to={to}", "--without-equal", "--replace") == 0
    found = rows(to)
    assert len(found) == 13
    assert all(row["reference_id"] != row["probe_id"] for row in found)
    assert [row["is_mated"] for row in found if row["probe_id"] == "images/x.jpg"].count(True) == 2
    assert is_sound(to, capsys, 13)


def test_attributes_of_both_sides_are_written_if_they_are_wanted(images, tmp_path):
    assert pairs(images, f"--to={tmp_path / 'p.parquet'}", "--attributes") == 0
    first = rows(tmp_path / "p.parquet")[0]
    assert (first["attr_reference_camera"], first["attr_probe_camera"]) == ("cam 0", "cam 1")


def test_more_attributes_than_a_manifest_may_have_are_refused(tmp_path, capsys):
    path, to = tmp_path / "x.csv", tmp_path / "p.parquet"
    names = [f"x{number}" for number in range(498)]
    path.write_text("".join(",".join([first, *names]) + "\n" for first in ("image_id", "a", "b")))
    assert pairs(path, f"--to={to}", "--attributes") == 1
    assert "a row has 1,002 columns, and a manifest 1,000 at most" in capsys.readouterr().err
    assert not to.exists()
    assert pairs(path, f"--to={to}") == 0


@pytest.mark.parametrize("choice", [(), ("--limit=9",), ("--by-subject", "--non-mated=9")])
def test_the_same_list_and_seed_are_the_same_bytes_and_another_seed_is_another_sample(
    images, tmp_path, choice
):
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        assert pairs(images, f"--to={tmp_path / name}.parquet", f"--seed={seed}", *choice) == 0
    one, same, other = (tmp_path / f"{name}.parquet" for name in "abc")
    assert one.read_bytes() == same.read_bytes()
    if choice:
        assert [row["pair_id"] for row in rows(one)] != [row["pair_id"] for row in rows(other)]


def test_a_sample_of_all_pairs(images, tmp_path, capsys):
    assert pairs(images, f"--to={tmp_path / 'p.parquet'}", "--limit=9") == 0
    assert "a sample of 9 of 21 pairs" in capsys.readouterr().out
    assert len({row["pair_id"] for row in rows(tmp_path / "p.parquet")}) == 9


def test_bad_rows_end_it_unless_they_may_be_left_out(tmp_path, capsys):
    path, to, bad = tmp_path / "x.csv", tmp_path / "p.parquet", tmp_path / "bad.csv"
    path.write_text("image_id\na.jpg\n\nb.jpg\na.jpg\nx,y\n/z\n")
    assert pairs(path, f"--to={to}", f"--bad-rows={bad}") == 1
    shown = capsys.readouterr()
    assert "bad row: x.csv line 5, record 3, column image_id: the image stands in x.csv line 2" in shown.out
    assert "3 of 5 rows of" in shown.err
    assert "--max-bad-rows" in shown.err
    assert not to.exists()
    assert "image_id_repeated" in bad.read_text(encoding="utf-8-sig")
    assert pairs(path, f"--to={to}", "--max-bad-rows=60%") == 0
    assert pairs(path, f"--to={to}", "--max-bad-rows=10%", "--replace") == 1
    assert said(to)["left_out_rows"] == 3


def test_an_image_without_a_subject_is_a_bad_row_by_subject_alone(images, tmp_path, capsys):
    images.write_text(LIST + "images/nobody.jpg,,\n")
    assert pairs(images, f"--to={tmp_path / 'p.parquet'}", "--by-subject") == 1
    shown = capsys.readouterr()
    assert "images.csv line 9, record 8, column subject_id: pairs by subject need one" in shown.out
    assert "1 subject_id_missing" in shown.err
    assert pairs(images, f"--to={tmp_path / 'p.parquet'}") == 0


@pytest.mark.parametrize(
    ("text", "choice", "why"),
    [
        ("image_id\na\n", (), "that is no pair"),
        ("image_id\n", (), "that is no pair"),
        ("image_id,subject_id\na,\nb,\n", ("--by-subject", "--max-bad-rows=1 of 1"), "that is no pair"),
        ("image_id,subject_id\na,1\nb,1\n", ("--by-subject",), "the list has 0: give --non-mated 0"),
        ("image_id,subject_id\na,1\nb,2\n", ("--by-subject",), "that is no pair"),
        ("", (), "it has no header and no row"),
    ],
)
def test_lists_without_pairs_are_refused(tmp_path, capsys, text, choice, why):
    path, to = tmp_path / "x.csv", tmp_path / "p.parquet"
    path.write_text(text)
    assert pairs(path, f"--to={to}", *choice) == 1
    assert why in capsys.readouterr().err
    assert not to.exists()


def test_many_pairs_are_told_and_refused_before_anything_is_written(tmp_path, capsys):
    path, to = tmp_path / "x.csv", tmp_path / "p.parquet"
    path.write_text("image_id\n" + "".join(f"{number}.jpg\n" for number in range(4000)))
    assert pairs(path, f"--to={to}") == 1
    shown = capsys.readouterr()
    assert "7,998,000 pairs, all against all: 7,998,000 calls at most, 25,593.60 CNY" in shown.out
    assert "7,998,000 pairs: to write them add --yes" in shown.err
    assert names(tmp_path) == ["x.csv"]


def test_what_is_there_is_not_replaced_by_mistake(images, tmp_path, capsys):
    to = tmp_path / "p.parquet"
    to.write_text("mine")
    assert pairs(images, f"--to={to}") == 1
    assert "is there already: name another file, or add --replace" in capsys.readouterr().err
    assert to.read_text() == "mine"
    assert pairs(images, f"--to={to}", "--replace") == 0


@pytest.mark.parametrize(
    ("choice", "why"),
    [
        (("--to=x.csv",), "let the name end with .parquet"),
        ((), "give either --to FILE, or --date"),
        (("--to=/tmp",), "is a folder: name a file in it"),
        (("--to=x.parquet", "--non-mated=3"), "belong to --by-subject"),
        (("--to=x.parquet", "--by-subject", "--limit=3"), "in place of --limit"),
        (("--to=x.parquet", "--by-subject", "--against=x"), "either --by-subject or --against"),
        (("--to=x.parquet", "--without-equal"), "belongs to --against"),
        (("--to=x.parquet", "--subject-from-folder"), "needs a folder of images"),
        (("--to=x.parquet", "--against="), "name a list of images"),
        (("--to=x.parquet", "--columns=who=x"), "write image_id=THEIRS"),
        (("--to=x.parquet", "--encoding=klingon"), "--encoding 'klingon' is not known"),
    ],
)
def test_what_cannot_be_meant_is_refused(images, tmp_path, monkeypatch, capsys, choice, why):
    monkeypatch.chdir(tmp_path)
    assert pairs(images, *choice) == 1
    assert why in capsys.readouterr().err


def test_a_folder_of_a_source_becomes_the_manifest_of_a_date(tmp_path, capsys):
    source = FileStore(tmp_path / "source")
    for image in IMAGES:
        subject, number = image.removeprefix("images/").removesuffix(".jpg")[:-1], image[-5]
        source.put(f"images/{subject}/{number}.jpg", b"x")
    where = f"--source={source.uri}"
    folder = tmp_path / "source" / "images"
    assert pairs(folder, "--subject-from-folder", "--by-subject", f"--date={DAY}", where) == 0
    to = tmp_path / "source" / "manifests" / f"ds={DAY}" / "pairs.parquet"
    assert {row["reference_id"].split("/")[1] for row in rows(to)} <= {"anna", "bert", "carl"}
    capsys.readouterr()
    assert main(["validate", f"--date={DAY}", where, "--max-bad-rows=0 of 1"]) == 0
    assert "14 rows: 14 pairs to compare" in capsys.readouterr().out
    assert pairs(folder, "--to=x.parquet") == 1
    assert "give --source file:///folder, which holds it" in capsys.readouterr().err


def test_a_disk_that_is_full_leaves_nothing(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("image_id\n" + "".join(f"{number}.jpg\n" for number in range(1000)))
    words = [sys.executable, "-m", "maskmatch.cli.__main__", "pairs", f"--images={path}"]
    target = tmp_path / "out" / "p.parquet"
    script = f"ulimit -f 2048; exec {' '.join([*words, f'--to={target}'])}"
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "p.parquet cannot be written: File too large: free space" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not names(tmp_path / "out")


@pytest.fixture
def s3_source(seaweed, monkeypatch) -> str:
    """Return an empty source, with a key for it in the environment."""
    for name, value in (
        ("AWS_ENDPOINT_URL", seaweed.endpoint_url),
        ("AWS_ACCESS_KEY_ID", seaweed.access_key),
        ("AWS_SECRET_ACCESS_KEY", seaweed.secret_key),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("MASKMATCH_ADDRESSING_STYLE", "path"),
    ):
        monkeypatch.setenv(name, value)
    return f"s3://maskmatch/pairs-{uuid4().hex}"


@pytest.mark.server
def test_a_killed_command_leaves_no_object(s3_source, seaweed, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("image_id\n" + "".join(f"{number}.jpg\n" for number in range(3000)))
    words = [sys.executable, "-m", "maskmatch.cli.__main__", "pairs", f"--images={path}"]
    client, prefix = client_of(seaweed), s3_source.removeprefix("s3://maskmatch/")

    def has_sent_a_part() -> bool:
        uploads = client.list_multipart_uploads(Bucket="maskmatch").get("Uploads", [])
        return any(upload["Key"].startswith(prefix) for upload in uploads)

    process = subprocess.Popen([*words, f"--to={s3_source}/manifests/ds={DAY}/p.parquet"])
    wait_until(has_sent_a_part, "a part")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(open_store(s3_source).list(""))


@pytest.mark.server
def test_lists_and_manifests_may_lie_in_s3(s3_source, capsys):
    source = s3_source
    store = open_store(source)
    store.put("lists/x.csv", b"image_id\n" + b"".join(b"%d.jpg\n" % n for n in range(1200)))
    store.put("images/anna/1 #.jpg", b"x")
    store.put("images/anna/2.jpg", b"x")
    to = f"{source}/manifests/ds={DAY}/pairs.parquet"
    assert pairs(f"{source}/lists/x.csv", f"--to={to}") == 0
    assert sum(info.size for info in store.list("manifests/")) > PART_BYTES / 2
    assert pairs(f"{source}/images", f"--to={to}", f"--source={source}") == 1
    assert "is there already" in capsys.readouterr().err
    second = to.replace("pairs.", "folder.")
    assert pairs(f"{source}/images", f"--to={second}", f"--source={source}", "--subject-from-folder") == 0
    capsys.readouterr()
    assert main(["validate", f"--date={DAY}", f"--source={source}", "--max-bad-rows=0 of 1"]) == 0
    assert "719,401 rows: 719,401 pairs to compare, 0 rows that repeat one, 0 bad" in capsys.readouterr().out
    assert pairs(f"{source}/nothing/", f"--to={second}", "--replace") == 1
    assert "no image at" in capsys.readouterr().err


def test_a_killed_command_leaves_no_manifest_and_the_next_one_tidies_up(tmp_path):
    path, folder = tmp_path / "x.csv", tmp_path / "out"
    path.write_text("image_id\n" + "".join(f"{number}.jpg\n" for number in range(3000)))
    words = [sys.executable, "-m", "maskmatch.cli.__main__", "pairs", f"--images={path}"]
    process = subprocess.Popen([*words, f"--to={folder / 'p.parquet'}"])
    wait_until(lambda: folder.is_dir() and any(each.stat().st_size for each in folder.iterdir()), "a write")
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = names(folder)
    assert len(left) == 1
    assert left[0].startswith(".writing-")
    path.write_text("image_id\na\nb\n")
    assert pairs(path, f"--to={folder / 'p.parquet'}") == 0
    assert names(folder) == ["p.parquet"]
