"""Links between the handbook and what lies beside it in the repository. Pure.

In the repository a page leads to `../roles/etcd/README.md`. The site has the roles' pages as `roles/etcd.md`, and no source
files at all; so that both have no dead link, the site's are rewritten.
"""

from __future__ import annotations

import posixpath
import re

LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
ELSEWHERE = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}
ROLE = re.compile(r"roles/(\w+)/README\.md")


def site_path(path: str) -> str:
    """Return where a file of the repository is in the site; "" when it is not there."""
    if role := ROLE.fullmatch(path):
        return f"roles/{role[1]}.md"
    if path in ELSEWHERE:
        return ELSEWHERE[path]
    in_docs = path.startswith("docs/") and posixpath.splitext(path)[1]
    return path.removeprefix("docs/") if in_docs else ""


def _target(link: re.Match[str], source: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link[2]))


def _links(text: str) -> list[re.Match[str]]:
    return [link for link in LINK.finditer(text) if "://" not in link[2]]


def beyond(text: str, source: str) -> list[str]:
    """Return the files of the repository that a page leads to and the site does not have."""
    targets = [_target(link, source) for link in _links(text)]
    return [target for target in targets if not site_path(target)]


def for_site(text: str, source: str) -> str:
    """Return a page's Markdown with its links made for the site.

    `source`: the page's path in the repository. A link to what the site lacks, a playbook say, becomes its text.
    """
    here = posixpath.dirname(site_path(source))

    def made(link: re.Match[str]) -> str:
        if "://" in link[2]:
            return link[0]
        found = site_path(_target(link, source))
        if not found:
            return link[1]
        return f"[{link[1]}]({posixpath.relpath(found, here or '.')}{link[3] or ''})"

    return LINK.sub(made, text)
