"""The documents: what they link to is there."""

import functools
import pathlib
import re
import subprocess

import pytest
from commands import ROOT

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def documents():
    """Those that are kept, not those of a virtual environment or a workspace that lies in the folder."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        return sorted(path.name for path in ROOT.glob("*.md"))
    return listed.stdout.splitlines()


@functools.cache
def text_of(path):
    return _FENCED.sub("", path.read_text(encoding="utf-8"))


def anchors(path):
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("name", documents())
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(name):
    document = ROOT / name
    links = [link for link in _LINK.findall(text_of(document)) if not re.match(r"\w+:", link)]

    broken = [link for link in links if not is_there(document, *link.partition("#")[::2])]

    assert broken == []


def is_there(document: pathlib.Path, path: str, anchor: str) -> bool:
    target = (document.parent / path).resolve() if path else document
    return target.exists() and (not anchor or anchor in anchors(target))
