"""Classifiers for mail that the shipped one has seen: each message is judged by one that hasn't."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from apps.evaluation.protocol import Opinion
from apps.evaluation.spent import Spent
from apps.evaluation.stream import Item
from apps.evaluation.subject import Subject
from detectors.judging import Judge
from models.classifier import Classifier
from models.teaching import Recipe
from streams.offline import Offline

__all__ = ["UnseenClassifiers", "WholeSystem", "train_unseen"]

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class UnseenClassifiers:
    """Classifiers by fold, and the fold of each message, by its path in the stream.

    `name` is how a benchmark's object says it, with the reason where there are none.
    """

    name: str
    classifiers: tuple[Classifier, ...] = ()
    folds: Mapping[str, int] = field(default_factory=dict)

    def judges(self, core: Judge) -> tuple[Judge, ...]:
        """Return a judge for each fold, which differ in the classifier only."""
        return tuple(core.with_classifier(classifier) for classifier in self.classifiers)


def train_unseen(corpora: Path, items: Iterable[Item], core: Judge, say: Say) -> UnseenClassifiers:
    """Train a classifier for each fold on the others, as `weir train` does for its figures.

    There are none without the train extra, or with too little mail to split.
    """
    if any(find_spec(name) is None for name in ("lightgbm", "onnxmltools")):
        return UnseenClassifiers("left out: needs the train extra")
    from apps.bench.held_out import read_held_out  # noqa: PLC0415 - needs the train extra

    try:
        mail = read_held_out(corpora, say)
    except ValueError as error:
        return UnseenClassifiers(f"left out: {error}")
    # Mail for evaluation only was seen by no fold's model: any may judge it.
    number = dict.fromkeys(mail.unseen.sha256, 0)
    number |= dict(zip(mail.dataset.sha256, mail.validation.folds.tolist(), strict=True))
    classifiers = tuple(
        classifier for judge, _ in mail.judges(core) if (classifier := judge.classifier) is not None
    )
    folds = {it.entry.path: number[hashlib.sha256(it.incoming.raw).hexdigest()] for it in items}
    return UnseenClassifiers("held out", classifiers, folds)


class WholeSystem(Subject):
    """All parts of Weir; the classifier changes with the message."""

    def __init__(
        self,
        offline: Offline,
        unseen: UnseenClassifiers,
        spent: Spent | None = None,
        *,
        lasting: bool = False,
        recipe: Recipe | None = None,
    ) -> None:
        super().__init__(offline, spent, lasting=lasting, recipe=recipe)
        self._judges = unseen.judges(offline.core)
        self._folds = unseen.folds

    def judge(self, item: Item) -> Opinion:
        """Return what Weir says of a message, or of what was made of it under the same path."""
        if self._judges:
            self.offline.core = self._judges[self._folds[item.entry.path]]
        return super().judge(item)
