"""What the settings name, opened: the policy, the classifier, the context of the pure core."""

from collections.abc import Callable
from pathlib import Path

from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.policy import PolicySet
from detectors.policy_file import read_policy
from features.context import Context
from streams.opening import load_classifier, load_weights
from streams.policies import read_policy_of
from streams.settings import Keys, Settings, read_keys

__all__ = ["open_judge", "read_context", "read_policy_in_force"]


def read_policy_in_force(file: Path | None, settings: Settings) -> PolicySet:
    """Read the named policy file, else that of `policy.file`, else the shipped policy.

    Raises PolicyError for its mistakes and OSError where it can't be read.
    """
    if file is None:
        return read_policy_of(settings.policy)[0]
    return read_policy(file.read_text("utf-8", "replace"), str(file))


def read_context(settings: Settings) -> Context:
    """Return the context of the core; without a keys file hashes are made under an empty key.

    Only for commands that publish nothing: a worker refuses to start without keys. Raises
    KeysError for a keys file that is there and can't be used.
    """
    path = Path(settings.privacy.keys_file)
    if path.exists():
        return settings.context(read_keys(path))
    unkeyed = Context()
    keys = Keys(unkeyed.hash_key, unkeyed.hash_key_id, b"", unkeyed.token_salt)
    return settings.context(keys)


def open_judge(
    settings: Settings,
    policy: Path | None = None,
    stage: Callable[[str], None] | None = None,
) -> Judge:
    """Open the core in one piece, as a worker with these settings would.

    `stage` is told of each stage's end, once a batch. Raises what reading policy, classifier,
    weights and keys raises.
    """
    context = read_context(settings)
    stack, weights = load_weights(settings)
    return Judge(
        context,
        load_classifier(settings),
        read_policy_in_force(policy, settings),
        stack,
        engine_digest(context, weights),
        stage=stage,
    )
