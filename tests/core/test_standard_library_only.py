import ast
import sys
from pathlib import Path

import pytest

import maskmatch.core

MODULES = sorted(Path(maskmatch.core.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_the_core_imports_the_standard_library_and_itself_alone(module):
    for node in ast.walk(ast.parse(module.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            is_own = name.startswith("maskmatch.core") or name == ""
            assert is_own or name.partition(".")[0] in sys.stdlib_module_names, name
