#!/usr/bin/env python3
"""Writes the sentences that the shipped static table was distilled on, one a line, to standard output.

    corpus.py DEBIAN_FILES CRATES > sentences.txt

DEBIAN_FILES is a folder with `Translation-en.xz` (descriptions of all packages, from a Debian mirror) and the packages
wordnet-base, dict-foldoc, dict-jargon, debian-handbook and fortunes unpacked below it; CRATES the sources of crates from
crates.io (their READMEs are read). Manual pages and changelogs are those of this machine. None of the texts is part of the
table: it holds one vector per word piece of the encoder's vocabulary.
"""

import glob
import gzip
import html
import lzma
import random
import re
import sys

SEED = 7
WORDS_MIN, WORDS_MAX = 2, 60
END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(])")


def sentences(text):
    text = re.sub(r"\s+", " ", text).strip()
    for sentence in END.split(text):
        sentence = sentence.strip()
        if WORDS_MIN <= len(sentence.split()) <= WORDS_MAX and sum(c.isalpha() or c == " " for c in sentence) > 0.7 * len(sentence):
            yield sentence


def descriptions(folder):
    text = lzma.open(f"{folder}/Translation-en.xz", "rt", encoding="utf-8").read()
    for paragraph in text.split("\n\n"):
        lines = paragraph.split("\n")
        body = [line[1:] for line in lines if line.startswith(" ")]
        head = [line.split(": ", 1)[1] for line in lines if line.startswith("Description-en: ")]
        yield from head
        for part in "\n".join(body).split("\n."):
            yield from sentences(part)


def wordnet(folder):
    for path in glob.glob(f"{folder}/**/dict/data.*", recursive=True) + glob.glob(f"{folder}/**/wordnet/data.*", recursive=True):
        for line in open(path, encoding="latin-1"):
            if "|" in line and not line.startswith("  "):
                fields = line.split("|", 1)
                words = [w.replace("_", " ") for w in fields[0].split()[4 : 4 + 2 * int(fields[0].split()[3], 16) : 2]]
                gloss = fields[1].strip()
                yield ", ".join(words) + ": " + re.split(r"; \"", gloss)[0]
                yield from (e for e in re.findall(r"\"([^\"]+)\"", gloss) if len(e.split()) > 2)


def dictionaries(folder):
    for path in glob.glob(f"{folder}/**/dictd/*.dict.dz", recursive=True):
        if "gcide" not in path:
            yield from sentences(gzip.open(path, "rt", encoding="utf-8", errors="ignore").read().replace("\n\n", ". "))


def books(folder):
    for path in glob.glob(f"{folder}/**/debian-handbook/html/en-US/*.html", recursive=True):
        text = re.sub(r"<(script|pre|style)[\s\S]*?</\1>", " ", open(path, encoding="utf-8").read())
        yield from sentences(html.unescape(re.sub(r"<[^>]+>", " ", text)))
    for path in glob.glob(f"{folder}/**/games/fortunes/*", recursive=True):
        if not path.endswith((".dat", ".u8")):
            try:
                for entry in open(path, encoding="utf-8").read().split("\n%\n"):
                    yield from sentences(entry)
            except (UnicodeDecodeError, IsADirectoryError):
                continue


def manuals():
    for path in sorted(glob.glob("/usr/share/man/man[1578]/*.gz")):
        try:
            text = gzip.open(path, "rt", encoding="utf-8", errors="ignore").read()
        except OSError:
            continue
        text = re.sub(r"^[.'].*$", "\n", text, flags=re.M)
        text = re.sub(r"\\f.|\\\(..|\\[&|^]", "", text).replace("\\-", "-")
        for part in text.split("\n\n"):
            yield from sentences(part)


def changes():
    for path in sorted(glob.glob("/usr/share/doc/*/changelog.Debian.gz") + glob.glob("/usr/share/doc/*/changelog.gz")):
        text = gzip.open(path, "rt", encoding="utf-8", errors="ignore").read()
        for entry in re.split(r"\n\s+[*-] ", text):
            yield from sentences(re.split(r"\n -- |\n\n", entry)[0])


def readmes(folder):
    for path in sorted(glob.glob(f"{folder}/*/*/README.md") + glob.glob(f"{folder}/*/README.md")):
        text = re.sub(r"```[\s\S]*?```", " ", open(path, encoding="utf-8", errors="ignore").read())
        for part in text.split("\n\n"):
            yield from sentences(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", part))


def main():
    debian, crates = sys.argv[1:3]
    chosen = random.Random(SEED)
    shares = [
        (descriptions(debian), 70_000),
        (wordnet(debian), 70_000),
        (dictionaries(debian), 25_000),
        (books(debian), 15_000),
        (manuals(), 30_000),
        (changes(), 25_000),
        (readmes(crates), 12_000),
    ]
    for source, most in shares:
        found = list(dict.fromkeys(source))
        chosen.shuffle(found)
        sys.stderr.write(f"{source.__name__}: {len(found)}, {min(most, len(found))} taken\n")
        for sentence in found[:most]:
            print(sentence[:600])


main()
