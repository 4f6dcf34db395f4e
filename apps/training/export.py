"""LightGBM's trees as an ONNX graph that gives the raw margin, decision for decision the same."""

import re

import lightgbm
import numpy as np
from onnxmltools import convert_lightgbm  # type: ignore[import-untyped]  # it ships no types
from onnxmltools.convert.common.data_types import (  # type: ignore[import-untyped]  # no types
    FloatTensorType,
)

__all__ = ["to_onnx"]

_OPSET = 15  # an old one will do: the graph is tree operators, additions and casts
_TREES_A_NODE = 50  # leaves summed in float32, nodes in float64: 1.6e-6 from LightGBM, not 7.6e-6


def to_onnx(booster: lightgbm.Booster) -> bytes:
    """Return an ONNX model: float32 (n, features) in, float32 (n, 1) raw margins out.

    Two changes are made to LightGBM's model text before it is converted. The objective becomes
    a regression, so that the converter writes the sum of leaves (post_transform NONE) rather
    than a probability, whose float32 costs logits near 0 and 1. Thresholds are rounded *down* to
    float32: a float32 value is at most the rounded threshold exactly where it is at most the
    original one, while the converter's rounding to nearest can send it the other way.
    """
    text = booster.model_to_string()
    text = re.sub(r"^objective=.*$", "objective=regression", text, flags=re.MULTILINE)
    text = re.sub(r"^\[objective: .*$", "[objective: regression]", text, flags=re.MULTILINE)
    text = re.sub(r"^threshold=(.*)$", _round_down, text, flags=re.MULTILINE)
    # Sizes of trees in bytes, which the new numbers make wrong, are optional.
    text = re.sub(r"^tree_sizes=.*\n", "", text, flags=re.MULTILINE)
    model = convert_lightgbm(
        lightgbm.Booster(model_str=text),
        name="weir",  # the default is a random UUID, and so another digest every time
        initial_types=[("vectors", FloatTensorType([None, booster.num_feature()]))],
        target_opset=_OPSET,
        split=_TREES_A_NODE if booster.num_trees() > _TREES_A_NODE else None,
    )
    # The converter lists operator sets in a set's order, which the hash seed of each run decides.
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return bytes(model.SerializeToString(deterministic=True))


def _round_down(line: re.Match[str]) -> str:
    values = np.array(line[1].split(), dtype=np.float64)
    rounded = values.astype(np.float32)
    above = rounded.astype(np.float64) > values
    rounded[above] = np.nextafter(rounded[above], np.float32(-np.inf))
    return "threshold=" + " ".join(repr(float(value)) for value in rounded)
