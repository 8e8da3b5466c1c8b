"""``python -m zepguard``."""

from zepguard.cli import main

if __name__ == "__main__":
    main()
