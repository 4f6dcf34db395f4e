"""Text folded for comparison: confusable letters to ASCII, invisible characters dropped."""

__all__ = ["fold", "words"]


def fold(text: str) -> str:
    """Lower-case; accents, confusables (UTS 39) and invisible characters folded away."""
    raise NotImplementedError


def words(folded: str, limit: int) -> tuple[str, ...]:
    """Split folded text into its first `limit` words of letters and digits."""
    raise NotImplementedError
