"""onnxruntime over the same messages as the bench `encoder`, for comparison; see README.md. Not a test.

Takes the model as ONNX and its tokenizer.json, and prints messages per second, best of the rounds. Texts are sorted by
length and padded to the longest of their batch, which is the fast way to use onnxruntime.
"""

import argparse
import time

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

WORDS = (
    "the server was late again and nobody knows why build of this service failed after a change to network rules "
    "please look into it before lunch today we found an open port on machine that should be closed since monday"
).split()
MASK = (1 << 64) - 1


class Random:
    """The generator of the bench (xorshift)."""

    def __init__(self):
        self.state = 0x9E37_79B9_7F4A_7C15

    def below(self, bound):
        self.state ^= self.state << 13 & MASK
        self.state ^= self.state >> 7
        self.state ^= self.state << 17 & MASK
        return (self.state >> 33) % bound


def messages(lengths):
    random, longest, texts = Random(), 51, []
    for _ in range(1000):
        more = random.below(longest) if lengths == "uniform" else longest * random.below(100) ** 3 // 1_000_000
        texts.append(" ".join(WORDS[random.below(len(WORDS))] for _ in range(8 + more)))
    return texts


def encode(session, tokenizer, texts, batch):
    names = {i.name for i in session.get_inputs()}
    encodings = sorted(tokenizer.encode_batch(texts), key=lambda e: len(e.ids))
    vectors = []
    for start in range(0, len(encodings), batch):
        part = encodings[start : start + batch]
        longest = max(len(e.ids) for e in part)
        ids = np.zeros((len(part), longest), dtype=np.int64)
        for row, e in zip(ids, part):
            row[: len(e.ids)] = e.ids
        mask = (ids != 0).astype(np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = session.run(None, {k: v for k, v in inputs.items() if k in names})[0]
        if hidden.ndim == 3:
            hidden = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        vectors.append(hidden / np.linalg.norm(hidden, axis=1, keepdims=True))
    return np.concatenate(vectors)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="all-MiniLM-L6-v2 as ONNX")
    parser.add_argument("tokenizer", help="its tokenizer.json")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    session = onnxruntime.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(args.tokenizer)
    tokenizer.enable_truncation(64)
    tokenizer.no_padding()
    for lengths in ("chat", "uniform"):
        texts, best = messages(lengths), float("inf")
        for _ in range(args.rounds):
            started = time.perf_counter()
            encode(session, tokenizer, texts, args.batch)
            best = min(best, time.perf_counter() - started)
        print(f"onnxruntime/{lengths}/1000: {1000 / best:.0f} messages/s")


if __name__ == "__main__":
    main()
