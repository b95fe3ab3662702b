"""Lays out what mdBook makes the book from.

    source.py ROOT INTO

The pages of `docs` come to the top, those beside it into `project`, and what any of them links to that is no page into
`project/files`; links are turned to where things are then. Behind the language of a fence stands what the tests do with it, and
comments are run: readers do without."""

import os
import pathlib
import posixpath
import re
import shutil
import subprocess
import sys

BESIDE = {
    "README.md": ("about.md", "About the project"),
    "CONTRIBUTING.md": ("contributing.md", "Contributing"),
    "SECURITY.md": ("security.md", "Reporting a hole"),
    "CHANGELOG.md": ("changes.md", "Changes"),
    "deploy/README.md": ("deploy.md", "Deployments"),
    "bench/README.md": ("bench.md", "Benches"),
    "tests/conformance/README.md": ("conformance.md", "The official conformance suite"),
    "tests/torture/README.md": ("torture.md", "Gateways broken on purpose"),
}
FENCE = re.compile(r"^(\s*```[a-z]+),.*$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s:#]+)(#[^)\s]*)?\)")
HIDDEN = re.compile(r"^[ ]*<!-- (?:run\b|world:).*?-->\n?", re.MULTILINE | re.DOTALL)


def staged(name):
    """Where a file of the repository is in the book."""
    if name in BESIDE:
        return f"project/{BESIDE[name][0]}"
    if name.startswith("docs/"):
        return name.removeprefix("docs/")
    return f"project/files/{name}"


def turned(root, page, text, files):
    """The text with its links from where the page is then; `files` are those that it needs besides pages."""

    def link(match):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), match[1]))
        if not (root / target).is_file():
            return match[0]
        if not target.endswith(".md") or staged(target).startswith("project/files/"):
            files.add(target)
        return f"]({os.path.relpath(staged(target), posixpath.dirname(staged(page)) or '.')}{match[2] or ''})"

    return LINK.sub(link, text)


def main(root, into):
    shutil.rmtree(into, ignore_errors=True)
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "docs"]
    names = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    files = set()
    for page in [name for name in names if name.endswith(".md") and name != "docs/SUMMARY.md"] + list(BESIDE):
        text = HIDDEN.sub("", FENCE.sub(r"\1", (root / page).read_text()))
        put(into / staged(page), turned(root, page, text, files))
    for name in sorted(files):
        put(into / staged(name), (root / name).read_text())
    beside = "".join(f"- [{title}](project/{page})\n" for page, title in BESIDE.values())
    put(into / "SUMMARY.md", f"{(root / 'docs/SUMMARY.md').read_text()}\n# The project\n\n{beside}")
    shutil.copyfile(root / "docs/book.toml", into / "book.toml")


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve())
