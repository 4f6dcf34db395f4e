"""The online text model beside a model of River's own: ranking on a stream, and CPU time by step.

python benchmarks/text_model.py CORPORA [--messages N]

CORPORA holds sa/, the SpamAssassin corpus, which is judged and then learned message by message in
order of date, with and without Received fields. Prints one JSON object: ranking of the sum of both
halves and of River's LogisticRegression on each message's distinct slots; microseconds a message
to hash, to score in batches of 32, and to learn, and their ratios to River's; and the snapshot.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from river.linear_model import LogisticRegression

from apps.bench.dated_stream import DatedStream, read_dated_stream
from apps.bench.machine import machine
from apps.evaluation.figures import Scores, ranking
from features.context import Context
from features.evidence import Evidence, extract
from features.tokens import layout, segments
from features.vector import SCHEMA
from models.sample import Sample
from models.snapshot import Snapshot, dump, load
from models.text import TextModel

BATCH = 32
TIMED = 1_000
CLIP = 15.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--messages", type=int, help="of the stream, from its start")
    given = parser.parse_args()
    context = Context()
    stream = read_dated_stream(given.corpora, context.limits)
    stream = stream._replace(items=stream.items[: given.messages])
    model = TextModel()
    found = {
        "benchmark": "text_model",
        "machine": machine(),
        "ranking": {
            "with Received": ranked(stream, context, model),
            "without Received": ranked(stream.without_received(), context, TextModel()),
        },
        "snapshot": stored(model, context),
        **timed([extract(item.incoming, context) for item in stream.items[-TIMED:]], context),
    }
    print(json.dumps(found, indent=2))


def ranked(stream: DatedStream, context: Context, model: TextModel) -> dict[str, Any]:
    """Return both models' ranking: each message is judged, then learned."""
    peer = LogisticRegression()
    ours, theirs, spam = [], [], []
    for item in stream.items:
        sample = sample_of(extract(item.incoming, context), context)
        row, abuse = row_of(sample), item.entry.spam
        ours.append(float(model.predict([sample]).clip(-CLIP, CLIP).sum()))
        theirs.append(peer.predict_proba_one(row)[True])
        spam.append(abuse)
        model.learn(sample, abuse)
        peer.learn_one(row, abuse)
    labels = np.array(spam)
    return {
        "weir": ranking(Scores(np.array(ours), labels)),
        "river LogisticRegression": ranking(Scores(np.array(theirs), labels)),
    }


def timed(mail: Sequence[Evidence], context: Context) -> dict[str, Any]:
    """Return CPU microseconds a message by step, the least of three rounds, River's one round."""
    model, peer = TextModel(), LogisticRegression()
    samples = [sample_of(evidence, context) for evidence in mail]
    rows = [row_of(sample) for sample in samples]
    batches = [samples[start : start + BATCH] for start in range(0, len(samples), BATCH)]

    def learn() -> None:
        for place, sample in enumerate(samples):
            model.learn(sample, place % 3 == 0)

    def river_learns() -> None:
        for place, row in enumerate(rows):
            peer.learn_one(row, place % 3 == 0)

    ours = {
        "hash": least(lambda: [sample_of(evidence, context) for evidence in mail], len(mail)),
        "score": least(lambda: [model.predict(batch) for batch in batches], len(mail)),
        "learn": least(learn, len(mail)),
    }
    theirs = {
        "make dictionary": least(lambda: [row_of(sample) for sample in samples], len(mail), 1),
        "score": least(lambda: [peer.predict_proba_one(row) for row in rows], len(mail), 1),
        "learn": least(river_learns, len(mail), 1),
    }
    return {
        "slots": round(float(np.mean([len(row) for row in rows]))),
        "us": ours,
        "river_us": theirs,
        "ratio": {
            "score": round(ours["score"] / (theirs["make dictionary"] + theirs["score"]), 3),
            "learn": round(ours["learn"] / theirs["learn"], 3),
        },
    }


def stored(model: TextModel, context: Context) -> dict[str, float]:
    """Return a learned model's snapshot: its size, and seconds to write and to read it."""
    start = time.process_time()
    states = {"text": model.state()}
    content = dump(Snapshot(schema=SCHEMA.digest, layout=layout(context), states=states))
    written = time.process_time()
    TextModel().restore(load(content, schema=SCHEMA.digest, layout=layout(context)).states["text"])
    return {
        "megabytes": round(len(content) / 1e6, 1),
        "write_s": round(written - start, 3),
        "read_s": round(time.process_time() - written, 3),
    }


def sample_of(evidence: Evidence, context: Context) -> Sample:
    """Return what the text model reads of a message."""
    of = evidence
    return Sample(of.vector, segments(of.message, of.headers, of.content, of.links, context))


def row_of(sample: Sample) -> dict[int, float]:
    """Return the distinct slots of a message as River's models read them."""
    assert sample.tokens is not None
    return dict.fromkeys(sample.tokens.slots.tolist(), 1.0)


def least(step: Callable[[], object], messages: int, rounds: int = 3) -> float:
    """Return the least CPU microseconds a message of some rounds."""
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        step()
        spent.append(time.process_time() - start)
    return round(min(spent) / messages * 1e6, 1)


if __name__ == "__main__":
    main()
