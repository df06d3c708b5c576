"""The documentation builds into a site without a warning, and nothing on it comes from another host."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.long

FETCHED = re.compile(
    r"""<(?:script|img|iframe)[^>]* src="https?:|<link[^>]* rel="?(?:stylesheet|preconnect)[^>]*https?:"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_reference_has_the_docstrings(site: Path) -> None:
    page = (site / "api" / "jepa_retrieval.html").read_text("utf-8")
    assert 'id="jepa_retrieval.library.Library.search"' in page
    assert 'id="indexes.store.Index.search"' in (site / "api" / "indexes.html").read_text("utf-8")


def test_links_into_the_repository_lead_somewhere(site: Path) -> None:
    page = (site / "architecture.html").read_text("utf-8")
    assert "api/jepa_retrieval.tasks.searching.html#jepa_retrieval.tasks.searching.search" in page
    assert (site / "repository" / "cli" / "search.py").is_file()
    assert not re.search(r'href="\.\./(cli|jepa_retrieval|indexes|benchmarks)/', page)


def test_nothing_is_fetched_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        assert not FETCHED.search(page.read_text("utf-8")), page.name
