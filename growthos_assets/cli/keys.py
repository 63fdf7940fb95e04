"""`growthos key`: the keys that seal what is secret."""

import typer

from growthos_assets.cli.output import Format, FormatOption, console, print_json

key_app = typer.Typer(help="Rotate the key that seals secrets in the database.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(key_app, name="key")


@key_app.callback()
def _key() -> None:
    pass  # a group, though it has one command


@key_app.command()
def rotate(format: FormatOption = Format.table) -> None:
    """Put every secret under the first key of GROWTHOS_ENCRYPTION_KEY, so that the keys behind it can go.

    First put the new key in front: GROWTHOS_ENCRYPTION_KEY=new,old, for every process. Then rotate. Then drop the old.
    """
    from dataclasses import asdict

    from growthos_assets.loading import warehouse
    from warehouse import rotation

    warehouse()
    rotated = rotation.rotate()
    if format is Format.json:
        print_json(asdict(rotated))
        return
    console.print(
        f"{rotated.secrets} secrets, {rotated.resealed} of them moved: all open with key {rotated.key_id}, the first. "
        "Any other key can go from GROWTHOS_ENCRYPTION_KEY.",
        soft_wrap=True,
    )
