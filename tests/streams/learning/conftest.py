import numpy as np
import pytest

from detectors.stack import shipped_stack
from features.context import Context
from features.tokens import Tokens, layout
from features.vector import SCHEMA
from models.lessons import lesson_of
from models.sample import Sample
from models.snapshot import LabelPosition
from models.step import Step
from streams.learning.lineage import Lineage
from streams.learning.memory import Memory
from streams.learning.snapshotting import Snapshots
from streams.model_records import StepRecord

CONTEXT = Context(hash_key=b"k" * 32, token_salt=77)
LAYOUT = layout(CONTEXT)


@pytest.fixture
def sample():
    """Make a message's sample, another one for each number."""

    def make(number):
        slots = np.sort(np.random.default_rng(number).choice(1 << 20, 300, replace=False))
        vector = np.zeros(len(SCHEMA.names), np.float32)
        return Sample(vector, Tokens(slots.astype(np.intp), (100, 200)))

    return make


@pytest.fixture
def step(sample):
    """Make the record of a step that teaches message `number`."""

    def make(sequence, number=None, *, abuse=True, weight=1.0, fence=1, **fields):
        number = sequence if number is None else number
        lesson = lesson_of(sample(number), {}, abuse=abuse, weight=weight)
        return StepRecord(
            **{
                "fence": fence,
                "sequence": sequence,
                "labels": LabelPosition("e", 10 * sequence),
                "schema": SCHEMA.digest,
                "layout": LAYOUT,
                "source": "analyst",
                "message": f"m{number}",
                "step": Step((lesson,)),
                "sender": f"s{number}",
                **fields,
            }
        )

    return make


@pytest.fixture
def snapshots(tmp_path):
    """Snapshots in a folder of their own; `told` hears of damaged ones."""
    told = []
    found = Snapshots(
        tmp_path, CONTEXT, shipped_stack(), days=14, known_ham=50, damaged=told.append
    )
    found.told = told
    return found


@pytest.fixture
def lineage(snapshots):
    """Make a lineage that has learned nothing."""

    def make(load=lambda _: None):
        models, _ = snapshots.fresh()
        return Lineage(models, Memory(50), LAYOUT, load)

    return make
