"""What a recorded verdict was judged by: its policy, and the stack with the fusion of that time."""

from apps.analysis.finding import Dossier
from apps.replay.materials import Materials, MissingError
from apps.replay.model_history import ModelHistory
from apps.replay.then import Then, named_in
from apps.replay.timeline import BY_VECTOR
from detectors.terms import Terms
from detectors.verdict import Verdict
from streams.settings import Settings

__all__ = ["terms_then"]


def terms_then(
    settings: Settings, dossier: Dossier, history: ModelHistory, verdict: Verdict
) -> tuple[Terms | str, str]:
    """Return the terms, or why they can't be had, and this program's engine digest.

    Not to be called inside a running event loop: what is kept in Redis is asked for. Raises what
    reading keys and weights raises.
    """
    then = Then(Materials(settings, history, dossier.kept), BY_VECTOR)
    try:
        return then.terms(named_in(verdict), verdict.tenant), then.engine
    except MissingError as error:
        return str(error), then.engine
