"""`weir completion`: the script that teaches a shell to complete weir's commands and options."""

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    Examples:
      eval "$(weir completion bash)"                     in ~/.bashrc
      eval "$(weir completion zsh)"                      in ~/.zshrc
      weir completion fish > ~/.config/fish/completions/weir.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, "click knows all three shells"
    script = kind(ctx.find_root().command, {}, "weir", "_WEIR_COMPLETE")
    # not source(): for bash it starts a shell only to warn of a version before 4.4
    click.echo(script.source_template % script.source_vars())
