"""The table of a store read from variables, and what boto3 makes of it."""

import os
import subprocess
import sys

import pytest

from maskmatch.core.errors import WrongSetting
from maskmatch.core.reach import Reach
from maskmatch.settings.readers import endpoint_url, s3_address
from maskmatch.settings.store import (
    reach_from_variables,
    settings_from_variables,
    table_mode_from_variables,
)
from maskmatch.storage.object_stores import StoreSettings, open_store
from maskmatch.storage.object_stores.s3_client import s3_client

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
COS = "https://cos.ap-guangzhou.myqcloud.com"


@pytest.fixture
def profiles(monkeypatch, tmp_path):
    """Return a function that writes the config file of AWS; no other setting of AWS is left."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "config"))
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", *KEYS):
        monkeypatch.delenv(name, raising=False)
    return (tmp_path / "config").write_text


@pytest.mark.parametrize(
    ("entered", "read"),
    [
        (COS, COS),
        (f"  {COS}/ ", COS),
        ("cos.ap-guangzhou.myqcloud.com", COS),
        ("HTTP://S3.test:8333", "http://s3.test:8333"),
        ("http://[::1]:8333", "http://[::1]:8333"),
        ("s3:8333", "https://s3:8333"),
        (
            "https://cos-internal.ap-guangzhou.tencentcos.cn",
            "https://cos-internal.ap-guangzhou.tencentcos.cn",
        ),
    ],
)
def test_an_endpoint_is_scheme_host_and_port(entered, read):
    assert endpoint_url(entered) == read


@pytest.mark.parametrize(
    "entered",
    [
        "ftp://s3.test", "https://", "https://me:hush@s3.test", "https://s3.test/hush", "https://s3.test/?hush",
        "https://s3.test:hush", "https://s3 .test", "https://hush-1250000000.cos.ap-guangzhou.myqcloud.com", "://",
        "https://u:hush", "https://hush/ me@s3.test", "s3.test:0", "https://s3.test:0", "https://s3.test:65536",
        "https://[::1", "https://[::g]", "https://s3..test", "https://-s3.test", "https://s3!.test", "https://:80",
        "https://s3.test\\hush", "http://https://s3.test",
    ],
)  # fmt: skip
def test_another_endpoint_is_refused_and_not_shown(entered):
    with pytest.raises(
        WrongSetting, match=r"^variable AWS_ENDPOINT_URL: what is entered is not an address"
    ) as told:
        settings_from_variables({"AWS_ENDPOINT_URL": entered}, place="source")
    assert "hush" not in str(told.value)


def test_an_endpoint_of_an_aws_profile_with_a_password_is_refused_and_not_shown(profiles):
    profiles("[default]\nendpoint_url = https://me:hush@s3.test\n")
    settings = StoreSettings(access_key="a", secret_key="b")
    with pytest.raises(WrongSetting, match="in the files of AWS holds a user or a password") as told:
        open_store("s3://b", settings=lambda: settings)
    assert "hush" not in str(told.value)


@pytest.mark.parametrize(
    "address",
    ["s3://[b/p", "s3://B/p", "s3://b_c", "s3://", "s3://u:hush@b/p", "s3://b/../c", "b/p", "https://b"],
)
def test_an_address_for_test_is_that_of_a_bucket(address):
    with pytest.raises(ValueError) as told:  # noqa: PT011 - the field adds the form
        s3_address(address)
    assert "hush" not in str(told.value)


def test_an_address_for_test_is_taken_as_it_is_written():
    assert s3_address(" s3://b/a?b#c ") == "s3://b/a?b#c"


def test_the_command_line_reads_the_same_fields_from_variables():
    variables = {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "key",
        "AWS_SESSION_TOKEN": "t",
        "AWS_ENDPOINT_URL": "https://s3.test",
        "AWS_ENDPOINT_URL_S3": "https://own.test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "MASKMATCH_ADDRESSING_STYLE": "virtual",
        "MASKMATCH_SERVER_SIDE_ENCRYPTION": "aws:kms",
        "MASKMATCH_SSE_KMS_KEY_ID": "alias/faces",
    }
    assert settings_from_variables(variables, place="warehouse") == StoreSettings(
        access_key="id",
        secret_key="key",
        session_token="t",
        endpoint_url="https://own.test",
        region="eu-central-1",
        addressing_style="virtual",
        server_side_encryption="aws:kms",
        sse_kms_key_id="alias/faces",
    )
    assert settings_from_variables({}, place="source") == StoreSettings()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"MASKMATCH_ADDRESSING_STYLE": "Virtual"},
            "^variable MASKMATCH_ADDRESSING_STYLE: 'Virtual' is not one of",
        ),
        ({"MASKMATCH_SERVER_SIDE_ENCRYPTION": "kms"}, "'kms' is not one of AES256, aws:kms"),
        ({"AWS_CA_BUNDLE": "/no/such"}, "^variable AWS_CA_BUNDLE: '/no/such' is not the path of a file"),
        ({"AWS_CA_BUNDLE": __file__}, "it holds no certificate"),
        ({"AWS_ACCESS_KEY_ID": "id"}, "^variable AWS_SECRET_ACCESS_KEY is empty"),
        ({"AWS_ACCESS_KEY_ID": "id "}, "^variable AWS_ACCESS_KEY_ID: it has a blank around .* without"),
        ({"AWS_DEFAULT_REGION": "\teu"}, "^variable AWS_DEFAULT_REGION: it has a blank around its value"),
        ({"AWS_ENDPOINT_URL": "  "}, "^variable AWS_ENDPOINT_URL: it has a blank .* unset it, or enter"),
        ({"AWS_ENDPOINT_URL_S3": " ", "AWS_ENDPOINT_URL": COS}, "^variable AWS_ENDPOINT_URL_S3: it has"),
        ({"AWS_PROFILE": "readers\n"}, "^variable AWS_PROFILE: it has a blank around its value"),
        ({"AWS_SESSION_TOKEN": "t"}, "^variable AWS_SESSION_TOKEN: a token without its key"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name(variables, message):
    with pytest.raises(WrongSetting, match=message):
        settings_from_variables(variables, place="source")


def test_each_place_may_have_a_profile_whose_key_goes_before_that_of_the_environment(profiles):
    profiles("[profile readers]\naws_access_key_id = reads\naws_secret_access_key = a\n")
    variables = {
        "MASKMATCH_SOURCE_PROFILE": "readers",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    source, warehouse = (settings_from_variables(variables, place=place) for place in ("source", "warehouse"))
    assert key_of(source) == "reads"
    assert key_of(warehouse) == "id"


@pytest.mark.parametrize("variable", ["MASKMATCH_SOURCE_PROFILE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_profile_that_is_not_there_is_told_with_where_it_was_named(profiles, monkeypatch, variable):
    profiles("[profile writers]\n")
    monkeypatch.setenv(variable, "readers")
    settings = settings_from_variables(os.environ, place="source")
    told = rf"^variable {variable}: the files of AWS on this host have no profile 'readers'"
    for use in (lambda: open_store("s3://b", settings=lambda: settings), lambda: s3_client(settings)):
        with pytest.raises(WrongSetting, match=told):
            use()


@pytest.mark.parametrize(
    ("config", "changes", "is_virtual"),
    [
        ("", {"endpoint_url": COS}, True),
        ("[default]\ns3 =\n    addressing_style = path\n", {"endpoint_url": COS}, False),
        (
            "[default]\ns3 =\n    addressing_style = path\n",
            {"endpoint_url": COS, "addressing_style": "virtual"},
            True,
        ),
        ("", {"endpoint_url": COS, "addressing_style": "path"}, False),
        (f"[default]\nendpoint_url = {COS}\n", {}, True),
        (f"[profile cos]\nendpoint_url = {COS}\n", {"profile": "cos"}, True),
        ("", {"endpoint_url": "https://myqcloud.com.test"}, False),
    ],
)
def test_the_bucket_is_in_the_host_for_cos_unless_field_or_profile_say_otherwise(
    profiles, config, changes, is_virtual
):
    profiles(config)
    settings = StoreSettings(region="ap-guangzhou", **changes)
    if not settings.profile:
        settings = StoreSettings(region="ap-guangzhou", access_key="a", secret_key="b", **changes)
    else:
        profiles(f"{config}aws_access_key_id = a\naws_secret_access_key = b\n")
    client = s3_client(settings)
    url = client.generate_presigned_url("get_object", Params={"Bucket": "faces-125", "Key": "x"})
    client.close()
    assert url.startswith("https://faces-125.") == is_virtual


def key_of(settings):
    client = s3_client(settings)
    url = client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "x"})
    client.close()
    return url.partition("X-Amz-Credential=")[2].partition("%2F")[0]


def test_the_table_of_fields_is_light():
    check = "import maskmatch.get_provider_info, sys; sys.exit(bool({'boto3', 'pyarrow'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_the_mode_of_tables_comes_from_a_variable_and_is_told_when_it_is_wrong():
    assert table_mode_from_variables({}) == 0o640
    assert table_mode_from_variables({"MASKMATCH_TABLE_MODE": "0664"}) == 0o664
    with pytest.raises(WrongSetting, match="MASKMATCH_TABLE_MODE: '0777' is not the mode of a table"):
        table_mode_from_variables({"MASKMATCH_TABLE_MODE": "0777"})


def test_who_opens_a_store_is_told_of_a_variable_that_nobody_reads():
    with pytest.raises(WrongSetting, match="did you mean MASKMATCH_TABLE_MODE"):
        table_mode_from_variables({"MASKMATCH_TABEL_MODE": "0664"})
    assert table_mode_from_variables({"MASKMATCH_TABLE_MODE": " "}) == 0o640


def test_what_rows_may_name_is_parted_by_commas_or_blanks():
    entered = {
        "MASKMATCH_IMAGE_BUCKETS": "archive, Faces-*",
        "MASKMATCH_IMAGE_HOSTS": "*.example.com cdn.test",
    }
    assert reach_from_variables(entered) == Reach(("archive", "faces-*"), ("*.example.com", "cdn.test"))
    with pytest.raises(WrongSetting, match=r"variable MASKMATCH_IMAGE_HOSTS: .* is not names of hosts"):
        reach_from_variables({"MASKMATCH_IMAGE_HOSTS": "https://cdn.test/"})
    with pytest.raises(WrongSetting, match=r"not names of hosts.* \('https://\.\.\.@cdn\.test' is not one\)"):
        reach_from_variables({"MASKMATCH_IMAGE_HOSTS": "https://u:hush@cdn.test"})
