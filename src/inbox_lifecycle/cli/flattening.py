"""Commands as Typer reads them: every group of options that a command takes is spread into its options.

Nothing here imports the library's engines: `--help` must be quick.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer

from inbox_lifecycle.cli.options import OutputClosed, Place, WrongUsage

_CONTEXT = "typer_context"
_HELP = "help_wanted"
#: Rich's markup for a text that is bold and empty.
_NOTHING = "[bold][/bold]"


def _show_help(context: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - Typer passes an option's value by position
    if wanted and not context.resilient_parsing:
        typer.echo(context.get_help())
        raise typer.Exit


#: In place of Typer's own, which is read as an option that may be anything: pydantic is imported to find it missing.
Help = Annotated[
    bool, typer.Option("--help", "-h", help="Show this message and exit.", is_eager=True, callback=_show_help)
]


def help_text(doc: str | None) -> str:
    """A docstring as help: its lines joined, for a terminal has its own width; indented ones (examples) stay."""
    joined = re.sub(r"(?<=\S)\n(?=\S)", " ", inspect.cleandoc(doc or ""))
    # Typer takes away the indent that all lines but the first of what follows the first paragraph share; an empty tag
    # before it keeps it.
    return re.sub(r"\A(.+\n\nExamples?:\n)(?= )", rf"\1{_NOTHING}", joined)


def flattened(function: Callable[..., object], path: str) -> Callable[..., object]:
    """The function with its groups' fields for parameters, which is how Typer reads it.

    Args:
        function: a command; its docstring is the help.
        path: the command as it is typed.
    """
    hints = get_type_hints(function, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if is_dataclass(hint) and isinstance(hint, type)}

    def call(**values: object) -> object:
        typed = _typed(values.pop(_CONTEXT))
        del values[_HELP]
        try:
            for name, group in groups.items():
                if issubclass(group, Place):
                    group.settle(values, typed)
                values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
            return function(**values)
        except WrongUsage as wrong:
            wrong.command = path
            raise
        except BrokenPipeError:
            # Typer ends the process itself where it meets this one.
            raise OutputClosed from None

    parameters = [
        inspect.Parameter(_CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *_parameters(function, hints, groups),
        inspect.Parameter(_HELP, inspect.Parameter.KEYWORD_ONLY, annotation=Help, default=False),
    ]
    call.__doc__ = help_text(function.__doc__)
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    setattr(call, "__signature__", inspect.Signature(parameters))  # noqa: B010 - functions do not declare it
    return call


def _typed(context: Any) -> frozenset[str]:
    """The names of the options that were typed, and not taken from the environment."""
    return frozenset(
        name for name in context.params if getattr(context.get_parameter_source(name), "name", None) == "COMMANDLINE"
    )


def _parameters(
    function: Callable[..., object], hints: dict[str, Any], groups: dict[str, type]
) -> list[inspect.Parameter]:
    found: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in groups:
            found += inspect.signature(groups[name], eval_str=True).parameters.values()
        else:
            found.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
    return found
