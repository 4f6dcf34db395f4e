"""Which features the classifier reads: none of route or identity, none that betrays a corpus."""

from features.vector import SCHEMA, Schema

__all__ = ["EXCLUDED", "inputs"]

EXCLUDED: dict[str, str] = {}


def inputs(schema: Schema = SCHEMA) -> tuple[str, ...]:
    """Return the names of the features to train on, in the schema's order."""
    return tuple(
        feature.name
        for feature in schema.features
        if not feature.routing and feature.name not in EXCLUDED
    )
