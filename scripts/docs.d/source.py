"""Lays out what mdBook makes the book from.

    source.py ROOT INTO

The pages keep their places relative to each other, so that links between `docs` and the pages beside it lead somewhere. What they
link to outside Markdown is copied along. Behind the language of a fence stands what the tests do with it: readers do without."""

import pathlib
import re
import shutil
import subprocess
import sys

BESIDE = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "deploy/README.md", "bench/README.md"]
FENCE = re.compile(r"^(\s*```[a-z]+),.*$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s:#]+)(?:#[^)\s]*)?\)")
HIDDEN = re.compile(r"^[ ]*<!-- (?:run\b|world:).*?-->\n?", re.MULTILINE | re.DOTALL)


def main(root, into):
    shutil.rmtree(into, ignore_errors=True)
    tracked = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "docs"], cwd=root, capture_output=True, text=True, check=True)
    pages = [name for name in tracked.stdout.splitlines() if name.endswith(".md") and name != "docs/SUMMARY.md"]
    wanted = {name for name in tracked.stdout.splitlines() if not name.endswith((".md", "book.toml"))}
    for page in pages + BESIDE:
        text = (root / page).read_text()
        for link in LINK.findall(text):
            target = (root / page).parent / link
            if target.is_file() and target.suffix != ".md":
                wanted.add(str(target.resolve().relative_to(root)))
        put(into / page, HIDDEN.sub("", FENCE.sub(r"\1", text)))
    for name in sorted(wanted):
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, into / name)
    put(into / "SUMMARY.md", summary((root / "docs/SUMMARY.md").read_text()))
    shutil.copyfile(root / "docs/book.toml", into / "book.toml")


def summary(text):
    """The table of contents from the root, with the pages beside `docs` at its end."""
    moved = re.sub(r"\]\(([^)]+)\)", r"](docs/\1)", text)
    names = ["About the project", "Contributing", "Reporting a hole", "Changes", "Deployments", "Benches"]
    beside = "".join(f"- [{name}]({page})\n" for name, page in zip(names, BESIDE))
    return f"{moved}\n# The project\n\n{beside}"


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve())
