"""Whose certificates are accepted, over real TLS with throw-away authorities; what is not stops the run."""

import shutil
import subprocess
from contextlib import closing

import pytest

from maskmatch.core.errors import StopRun
from maskmatch.tencent import Account, TencentComparer
from maskmatch.tencent.trust import VARIABLES
from tests.tencent.answers import ONE, OTHER, SCORED, reply, serving
from tests.tencent.authority import Authority

pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def scored_by(endpoint):
    account = Account(secret_id="i", secret_key="k", endpoint=endpoint)
    with closing(TencentComparer(account, connections=1)) as comparer:
        return comparer.compare(ONE, OTHER, quality_control=0).score


def scored(certificate, *, host="localhost"):
    """Make one call of a service with this certificate."""
    with serving(lambda handler: reply(handler, 200, SCORED), tls=certificate) as endpoint:
        return scored_by(endpoint.replace("localhost", host))


def stopped_by(certificate, *, host="localhost"):
    """Return why the opening call stops, having seen that another is not sent either."""
    seen = []
    with serving(lambda handler: seen.append(handler.path), tls=certificate) as endpoint:
        account = Account(secret_id="i", secret_key="k", endpoint=endpoint.replace("localhost", host))
        with closing(TencentComparer(account, connections=1)) as comparer:
            with pytest.raises(StopRun):
                comparer.prepare(ONE, OTHER, quality_control=0)
            with pytest.raises(StopRun) as caught:
                comparer.check()
    assert seen == []
    return str(caught.value)


@pytest.mark.parametrize("variable", VARIABLES)
def test_each_variable_names_whom_to_trust(variable, authority, monkeypatch):
    monkeypatch.setenv(variable, str(authority.trusted))
    assert scored(authority.certificate()) == 1


@pytest.mark.parametrize("position", range(1, len(VARIABLES)))
def test_of_several_the_first_counts_and_an_empty_one_not_at_all(position, authority, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLES[position - 1], str(authority.trusted))
    monkeypatch.setenv(VARIABLES[position], str(tmp_path / "not there"))
    assert scored(authority.certificate()) == 1
    monkeypatch.setenv(VARIABLES[position - 1], "")
    with pytest.raises(StopRun, match=VARIABLES[position]):
        scored_by("localhost:9")


def test_a_folder_of_certificates_may_be_named(authority, tmp_path, monkeypatch):
    if not shutil.which("openssl"):
        pytest.skip("openssl makes such folders")
    (folder := tmp_path / "folder").mkdir()
    shutil.copy(authority.trusted, folder)
    subprocess.run(["openssl", "rehash", folder], check=True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder))
    assert scored(authority.certificate()) == 1


def test_a_named_authority_takes_the_place_of_all_others(authority, tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Authority(tmp_path, "other").trusted))
    assert "REQUESTS_CA_BUNDLE='" in stopped_by(authority.certificate())


def test_an_authority_of_nobody_known_stops_the_run_with_the_cure(authority):
    text = stopped_by(authority.certificate())
    assert "unable to get local issuer certificate" in text
    assert "name the file of that authority" in text
    assert "Trusted are those of certifi=" in text
    assert ", ".join(VARIABLES) in text


@pytest.mark.parametrize(
    ("host", "made_for", "days", "problem", "cure"),
    [
        ("localhost", "other.test", (-1, 1), "Hostname mismatch", "check the endpoint"),
        ("127.0.0.1", "localhost", (-1, 1), "IP address mismatch", "check the endpoint"),
        ("localhost", "localhost", (-2, -1), "certificate has expired", "check the clock of this host"),
        ("localhost", "localhost", (1, 2), "certificate is not yet valid", "check the clock of this host"),
    ],
)
def test_a_certificate_that_does_not_fit_stops_the_run_with_its_cure(
    host, made_for, days, problem, cure, authority, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.trusted))
    text = stopped_by(authority.certificate(made_for, days=days), host=host)
    assert problem in text
    assert cure in text
    assert "SSL_CERT_FILE" in text


KEY_ALONE = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
CUT = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("content", [b"", b"rubbish", KEY_ALONE, CUT])
def test_a_file_without_a_certificate_stops_at_once(variable, content, tmp_path, monkeypatch):
    (path := tmp_path / "authorities").write_bytes(content)
    monkeypatch.setenv(variable, str(path))
    with pytest.raises(StopRun, match=f"^{variable}='{path}': it holds no certificate"):
        scored_by("127.0.0.1:9")


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_file_that_does_not_exist_stops_at_once(variable, tmp_path, monkeypatch):
    monkeypatch.setenv(variable, str(tmp_path / "not there"))
    with pytest.raises(StopRun, match=f"^{variable}='{tmp_path}/not there': No such file or directory: name"):
        scored_by("127.0.0.1:9")


def test_a_folder_in_which_openssl_finds_nothing_stops_at_once(authority, tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with pytest.raises(StopRun, match="it holds no certificate: name a file"):
        scored_by("127.0.0.1:9")


def test_plain_http_reads_no_authorities(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/not there")
    with serving(lambda handler: reply(handler, 200, SCORED)) as endpoint:
        assert scored_by(f"http://{endpoint}") == 1
