"""``zepguard fakezep``: the fake Zep alone."""

from __future__ import annotations

import click

import fakezep as fake
from zepguard.cli.failures import Failure
from zepguard.exit_codes import ExitCode

__all__ = ["fakezep"]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0, the default, takes a free one.")
@click.option(
    "--api-key",
    multiple=True,
    envvar="FAKEZEP_API_KEY",
    show_envvar=True,
    default=(fake.DEFAULT_API_KEY,),
    show_default=True,
    help="An accepted key; may be repeated.",
)
@click.option(
    "--admin-key",
    envvar="FAKEZEP_ADMIN_KEY",
    show_envvar=True,
    default=fake.DEFAULT_ADMIN_KEY,
    show_default=True,
    help="Key of the admin API.",
)
def fakezep(host: str, port: int, api_key: tuple[str, ...], admin_key: str) -> int:
    """Serve the fake Zep until Ctrl-C; the official SDK takes it for Zep.

    Prints one line of JSON with its url and admin_url when it is ready.
    """
    try:
        fake.serve(host, port, api_key, admin_key)
    except OSError as error:
        raise Failure(
            f"The fake Zep cannot listen on {host}:{port} ({error.strerror or error}): choose another address or port.",
            ExitCode.ENVIRONMENT,
        ) from error
    except KeyboardInterrupt:
        pass  # this is how it ends
    return int(ExitCode.GO)
