"""Hooks of MkDocs: pages that do not lie in docs/ (the front page, the roles, the changelog), and their links."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from langflow_ha import ROOT
from langflow_ha.handbook.links import beyond, for_site, site_path

# MkDocs counts the warnings of its own loggers, and a strict build fails by them.
log = logging.getLogger("mkdocs.hooks.handbook")


def _made(text: str, source: str) -> str:
    for target in beyond(text, source):
        if not (ROOT / target).exists():
            log.warning("%s leads to %s, which is not there", source, target)
    return for_site(text, source)


def _changelog() -> str:
    """Return the released changes, below those that are not: the fragments in changes/."""
    draft = subprocess.run(
        [
            Path(sys.executable).with_name("towncrier"),
            "build",
            "--draft",
            "--version",
            "Unreleased",
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    released = ROOT / "CHANGELOG.md"
    before = released.read_text("utf-8").removeprefix("# Changelog") if released.exists() else ""
    return f"# Changelog\n\n{draft}{before}"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from elsewhere."""
    outside = [ROOT / "README.md", *sorted(ROOT.glob("roles/*/README.md"))]
    for file in outside:
        source = str(file.relative_to(ROOT))
        text = _made(file.read_text("utf-8"), source)
        files.append(File.generated(config, site_path(source), content=text))
    changes = _made(_changelog(), "CHANGELOG.md")
    files.append(File.generated(config, site_path("CHANGELOG.md"), content=changes))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - MkDocs' names
    """Rewrite the links of the pages in docs/."""
    if page.file.generated_by:
        return markdown
    return _made(markdown, f"docs/{page.file.src_uri}")
