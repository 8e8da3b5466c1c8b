"""The command ``python -m fakezep``: one fake server on one port."""

import argparse
import logging
import os

from fakezep import DEFAULT_ADMIN_KEY, DEFAULT_API_KEY, Settings, serve


def main(argv: list[str] | None = None) -> None:
    """Read the command line and serve until a signal comes."""
    given = _parser().parse_args(argv)
    logging.basicConfig(level=given.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = Settings(
        api_keys=tuple(given.api_key or [os.environ.get("FAKEZEP_API_KEY") or DEFAULT_API_KEY]),
        admin_key=given.admin_key,
        ingestion_delay_s=given.ingestion_delay_s,
        rate_limit_per_min=given.rate_limit_per_min,
    )
    try:
        serve(given.host, given.port, settings=settings, log_level=given.log_level)
    except KeyboardInterrupt:
        return


def _parser() -> argparse.ArgumentParser:
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m fakezep",
        description="A Zep v3 server for drills and tests.",
        epilog="Keys in an argv show in `ps`: FAKEZEP_API_KEY and FAKEZEP_ADMIN_KEY give the defaults.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port (the default)")
    parser.add_argument("--api-key", action="append", help=f"may be repeated; default {DEFAULT_API_KEY}")
    parser.add_argument("--admin-key", default=os.environ.get("FAKEZEP_ADMIN_KEY") or DEFAULT_ADMIN_KEY)
    parser.add_argument("--ingestion-delay-s", type=float, default=defaults.ingestion_delay_s)
    parser.add_argument("--rate-limit-per-min", type=int, default=defaults.rate_limit_per_min)
    parser.add_argument("--log-level", default="warning", choices=["critical", "error", "warning", "info", "debug"])
    return parser


if __name__ == "__main__":
    main()
