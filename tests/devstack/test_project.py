from concurrent.futures import ThreadPoolExecutor

from devstack.project import (
    kept_secret,
    loopback_without_proxy,
    project_root,
    state_directory,
)


def test_the_project_root_holds_the_dags():
    assert (project_root() / "pyproject.toml").is_file()
    assert (project_root() / "dags").is_dir()


def test_the_state_lies_in_the_project_unless_the_environment_says_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv("MASKMATCH_STATE", raising=False)
    assert state_directory() == project_root() / ".state"
    monkeypatch.setenv("MASKMATCH_STATE", str(tmp_path))
    assert state_directory() == tmp_path


def test_a_secret_is_drawn_once_and_readable_by_its_owner_alone(tmp_path):
    secret = kept_secret(tmp_path / "deep" / "secret")
    assert len(secret) == 64
    assert kept_secret(tmp_path / "deep" / "secret") == secret
    assert kept_secret(tmp_path / "other") != secret
    assert (tmp_path / "deep" / "secret").stat().st_mode & 0o777 == 0o600


def test_racing_callers_agree_on_one_secret_and_leave_nothing_else_behind(tmp_path):
    with ThreadPoolExecutor(16) as threads:
        secrets = set(threads.map(lambda _: kept_secret(tmp_path / "secret"), range(64)))
    assert len(secrets) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_loopback_is_exempt_from_a_proxy_beside_what_was_exempt_before():
    environment = loopback_without_proxy({"NO_PROXY": "intranet", "HTTP_PROXY": "http://proxy"})
    assert environment["no_proxy"] == environment["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert environment["HTTP_PROXY"] == "http://proxy"
    assert loopback_without_proxy({})["no_proxy"] == "127.0.0.1,localhost"
