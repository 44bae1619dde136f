"""Commands on data sets and weights: list, fetch, verify, prepare."""

from collections.abc import Callable
from typing import Annotated

import typer

from socialai.cli.screen import say, show
from socialai.errors import DataUnavailable, UserError

data_app = typer.Typer(
    no_args_is_help=True, help="Data sets of the registry. Example: socialai data list"
)
models_app = typer.Typer(
    no_args_is_help=True, help="The default encoder. Example: socialai models prepare"
)
Names = Annotated[list[str] | None, typer.Argument(help="names; all when none is given")]


@data_app.command("list")
def data_list() -> None:
    """List the data sets. Example: socialai data list"""
    from socialai import data

    known = data.entries().items()
    show(["name", "rows", "licence"], [[name, e.rows, e.licence] for name, e in known])


@data_app.command("fetch")
def data_fetch(names: Names = None) -> None:
    """Download, verify and keep data sets. Example: socialai data fetch cold"""
    from socialai import data

    for_each(names, lambda name: data.fetch(name) and "here and verified")


@data_app.command("verify")
def data_verify(names: Names = None) -> None:
    """Compare what is here with the registry's checksums. Example: socialai data verify cold"""
    from socialai import data

    for_each(names, data.verify)


def for_each(names: list[str] | None, act: Callable[[str], str]) -> None:
    """Say what `act` gives for each data set; one that can't be had doesn't stop the others."""
    from socialai import data

    missing = 0
    for name in names or data.entries():
        try:
            say(f"{name}: {act(name)}")
        except DataUnavailable as error:
            missing += 1
            say(str(error))
    if missing:
        raise UserError(f"{missing} can't be had now")


@models_app.command("prepare")
def models_prepare(
    name: Annotated[str, typer.Argument(help="default (trimmed vocabulary) or full")] = "default",
) -> None:
    """Make the encoder's Hugging Face folder in the cache. Example: socialai models prepare"""
    from socialai.models import e5

    say(str(e5.prepare(name)))
