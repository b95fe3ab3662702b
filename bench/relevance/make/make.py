#!/usr/bin/env python3
"""Writes the labelled sets of bench/relevance out of the phrase banks beside this file. Python's standard library only.

    python3 bench/relevance/make/make.py            write all sets
    python3 bench/relevance/make/make.py --check    say which committed sets differ from what would be written

A phrase bank is a text file:

    # comment
    ? disk | Which volumes are running full?      a subject and how it is asked for; `-` for one nothing answers,
    ? disk+memory | What is running out?          `a+b` for what is about either
    = host: web-1 | web-2                         a word list
    [disk,memory?] x3                             what the lines below are about, and how often each is used
    {host}: /var is {91-99} % full                a record: a list's word, a number, {one|of|these}, {ts}, {sys}, {hex}
    [] seq                                        the lines below are one conversation and stay together
    Ann: did anybody see that?                    in a bank with the line `! authors` the words before `: ` are the author

A record uses one word per list, and two lists never give it the same word. `disk` is central (has to be found),
`memory?` related (may be kept or not); a line that begins with `(?) ` is related to what its group is central for. A bank with the line `! ordered` keeps the
order of its lines, any other is shuffled, the same way every time.
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ATTEMPTS = 20


class Dice:
    """SplitMix64: the same throws with every version of Python."""

    def __init__(self, seed):
        self.state = 0xCBF29CE484222325
        for byte in seed.encode():
            self.state = (self.state ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF

    def below(self, bound):
        self.state = self.state + 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        mixed = self.state
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
        return (mixed ^ mixed >> 31) % bound

    def pick(self, items):
        return items[self.below(len(items))]

    def shuffle(self, items):
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]


class Bank:
    """One phrase bank, read."""

    def __init__(self, path):
        self.name = path.stem
        self.intents, self.words, self.groups, self.flags = [], {}, [], set()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip() and not line.startswith("# "):
                try:
                    self.read(line.strip())
                except (ValueError, IndexError) as error:
                    raise SystemExit(f"{path.name}:{number}: cannot read `{line}` ({error})") from error
        subjects = {part for subject, _ in self.intents for part in subject.split("+")}
        for marks, _, _, _ in self.groups:
            unknown = {mark.rstrip("?") for mark in marks} - subjects
            if unknown:
                raise SystemExit(f"{path.name}: {sorted(unknown)} are marked, but no `?` line asks for them")

    def read(self, line):
        if line.startswith("? "):
            subject, asked = line[2:].split("|", 1)
            self.intents.append((subject.strip(), asked.strip()))
        elif line.startswith("= "):
            name, items = line[2:].split(":", 1)
            self.words[name.strip()] = [item.strip() for item in items.split("|")]
        elif line.startswith("! "):
            self.flags.add(line[2:].strip())
        elif re.fullmatch(r"\[[a-z0-9_,? ]*\]( x\d+| seq)*", line):
            marks, _, rest = line[1:].partition("]")
            times = re.search(r"x(\d+)", rest)
            marks = [mark.strip() for mark in marks.split(",") if mark.strip()]
            self.groups.append((marks, int(times[1]) if times else 1, "seq" in rest, []))
        elif line.startswith("[") and re.search(r"\]( x\d+| seq)*$", line):
            raise ValueError("a subject is made of small letters and digits")
        else:
            self.groups[-1][3].append(line)

    def records(self):
        """Blocks of (author, text, marks, thread), not yet in their final order."""
        dice, seen, blocks, threads = Dice(self.name), set(), [], 0
        for marks, times, together, lines in self.groups:
            if together:
                threads += 1
                blocks.append([self.record(line, marks, f"t{threads}", dice, {}) for line in lines])
                continue
            for line in lines:
                for _ in range(times):
                    for _ in range(ATTEMPTS):
                        record = self.record(line, marks, None, dice, {})
                        if record[1] not in seen:
                            seen.add(record[1])
                            blocks.append([record])
                            break
        if "ordered" not in self.flags:
            dice.shuffle(blocks)
        return [record for block in blocks for record in block]

    def record(self, line, marks, thread, dice, kept):
        author = None
        if "authors" in self.flags and (spoken := re.match(r"([^:{}]{1,24}): (.+)", line)):
            author, line = spoken[1], spoken[2]
        if line.startswith("(?) "):
            marks, line = [mark.rstrip("?") + "?" for mark in marks], line[4:]
        return author, self.render(line, dice, kept), marks, thread

    def render(self, template, dice, kept):
        while found := re.search(r"\{([^{}]*)\}", template):
            template = template[: found.start()] + self.resolve(found[1], dice, kept) + template[found.end() :]
        return template.replace("\x01", "{").replace("\x02", "}")

    def resolve(self, inner, dice, kept):
        if inner in self.words:
            if inner not in kept:
                kept[inner] = dice.pick([word for word in self.words[inner] if word not in kept.values()])
            return kept[inner]
        if inner == "hex":
            return f"{dice.below(1 << 32):08x}"
        time = f"{dice.below(24):02}:{dice.below(60):02}:{dice.below(60):02}"
        if inner == "ts":
            return f"2026-11-{1 + dice.below(28):02}T{time}Z"
        if inner == "sys":
            return f"Nov {1 + dice.below(28):2} {time}"
        if bounds := re.fullmatch(r"(\d+)-(\d+)", inner):
            low, high = int(bounds[1]), int(bounds[2])
            return str(low + dice.below(high - low + 1))
        if "|" in inner:
            return dice.pick(inner.split("|"))
        return f"\x01{inner}\x02"


def cases(bank):
    """The lines of the set."""
    records = bank.records()
    texts = [text for _, text, _, _ in records]
    for line, (subject, asked) in enumerate(bank.intents):
        parts = subject.split("+")
        central = [at for at, record in enumerate(records) if any(part in record[2] for part in parts)]
        related = [at for at, record in enumerate(records) if any(part + "?" in record[2] for part in parts)]
        case = {"intent": asked}
        case |= {"texts_of": 0} if line else {"texts": texts}
        case["relevant"] = sorted({*central, *related})
        if len(case["relevant"]) > len(central):
            case["core"] = central
        if not line and "authors" in bank.flags:
            case["authors"] = [author or "" for author, _, _, _ in records]
        if not line and any(thread for _, _, _, thread in records):
            case["threads"] = [thread for _, _, _, thread in records]
        yield case


def main():
    stale = []
    for path in sorted(HERE.glob("*.txt")):
        bank = Bank(path)
        lines = list(cases(bank))
        written = "".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n" for case in lines)
        target = HERE.parent / f"{bank.name}.jsonl"
        if "--check" in sys.argv[1:]:
            if not target.exists() or target.read_text(encoding="utf-8") != written:
                stale.append(target.name)
            continue
        target.write_text(written, encoding="utf-8")
        distinct = sum(len(lines) for _, _, _, lines in bank.groups)
        found = ", ".join(f"{subject} {len(case['relevant'])}" for (subject, _), case in zip(bank.intents, lines))
        print(f"{bank.name}: {len(lines[0]['texts'])} records out of {distinct} sentences; {found}")
    if stale:
        sys.exit(f"not what make.py would write: {', '.join(stale)}")


if __name__ == "__main__":
    main()
