"""docs/local-service.md says what is so."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest
from comparemaskface.command import add_arguments
from comparemaskface.wire.errors import VendorError

from tests.comparemaskface.conftest import StartService

PAGE = (Path(__file__).parents[2] / "docs" / "local-service.md").read_text()


def test_the_table_of_options_is_the_commands_own() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    options = [action.option_strings[0] for action in parser._actions]
    assert re.findall(r"^\| `(--[a-z-]+)` \|", PAGE, re.MULTILINE) == options


def test_the_example_prints_a_score(start_service: StartService) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    address = start_service(secret_id="AKIDlocal", secret_key="choose-one")
    example = example.replace("127.0.0.1:8390", address.removeprefix("http://"))
    result = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=True)
    assert 0 <= float(result.stdout) <= 100


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z][A-Za-z]+(?:\.[A-Z][A-Za-z]+)+)`", PAGE))))
def test_every_code_on_the_page_is_one_the_service_knows(name: str) -> None:
    assert name in {error.code for error in VendorError}
