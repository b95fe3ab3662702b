"""Whether every link within the built book leads somewhere.

    links.py BOOK"""

import pathlib
import re
import sys
import urllib.parse

WITHOUT_PAGES = {"print.html", "404.html", "toc.html"}
LINK = re.compile(r'(?:href|src)="([^"]+)"')
NAME = re.compile(r'\sid="([^"]+)"')


def main(book):
    pages = {page: page.read_text() for page in book.rglob("*.html") if page.name not in WITHOUT_PAGES}
    names = {page: set(NAME.findall(text)) for page, text in pages.items()}
    broken = []
    for page, text in pages.items():
        for link in LINK.findall(text[text.find("<main"):text.find("</main>")]):
            path, _, name = urllib.parse.unquote(link).partition("#")
            if re.match("[a-z]+:", link):
                continue
            target = (page.parent / path).resolve() if path else page
            if not target.is_file() or name and name not in names.get(target, set()):
                broken.append(f"{page.relative_to(book)}: {link}")
    for line in sorted(broken):
        print(line, file=sys.stderr)
    return 1 if broken else 0


sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
