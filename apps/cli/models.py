"""`weir models`: a group whose commands are loaded when they are called."""

import click

from apps.cli.lazy import Lazy, LazyGroup

__all__ = ["models"]

_LISTED = "apps.cli.models_listed"
_COMMANDED = "apps.cli.models_commanded"

COMMANDS = {
    "asked": Lazy("apps.cli.quality:asked", "Messages that the audit asks you to label."),
    "compare": Lazy("apps.cli.models_compared:compare", "Two models on labelled traffic."),
    "freeze": Lazy(f"{_COMMANDED}:freeze", "Stop learning; counts and judging go on."),
    "list": Lazy(f"{_LISTED}:list_", "What is live, what is a shadow, what was live earlier."),
    "promote": Lazy(f"{_COMMANDED}:promote", "Make an artifact live, without a restart."),
    "rebuild": Lazy("apps.cli.models_rebuild:rebuild", "Make the models anew from all steps."),
    "rollback": Lazy(f"{_COMMANDED}:rollback", "Go back to an earlier snapshot or classifier."),
    "shadow": Lazy(f"{_COMMANDED}:shadow", "Let an artifact score all and act on nothing."),
    "quality": Lazy("apps.cli.quality:quality", "How good verdicts were: mistakes, models, drift."),
    "retire": Lazy(f"{_COMMANDED}:retire", "Let a shadow go."),
    "show": Lazy(f"{_LISTED}:show", "One artifact, with the figures of its card."),
    "thaw": Lazy(f"{_COMMANDED}:thaw", "Learn again."),
}


@click.group(cls=LazyGroup, commands_by_name=COMMANDS)
def models() -> None:
    """See the models, and tell the learner what to do with them.

    What is live acts; a shadow scores all mail beside it and acts on nothing. Commands are records
    on the topic of labels, in one order with all that teaches, and the learner executes them: no
    worker is restarted. The command line waits until it has.

    \b
    Examples:
      weir models list
      weir models shadow model/               a folder that `weir train` wrote
      weir models compare live 3f9a1c27d0b4   after labels have come in
      weir models promote 3f9a1c27d0b4
      weir models rollback --model classifier
    """
