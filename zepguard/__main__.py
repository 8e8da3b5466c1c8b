"""``python -m zepguard``, and the command ``zepguard``, which is there even where only the guard is installed."""

import sys

from zepguard.exit_codes import ExitCode

__all__ = ["main"]


def main() -> None:
    """Run the command line, or say what is to be installed for it."""
    try:
        from zepguard.cli import main as run
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        print(
            "zepguard: only the guard is installed here. For the commands: pip install 'zepguard[harness]'",
            file=sys.stderr,
        )
        sys.exit(ExitCode.ENVIRONMENT)
    run()


if __name__ == "__main__":
    main()
