#!/usr/bin/env python
"""Django's command line for the chat app, such as ``python manage.py zep_mode --status``."""

import os
import sys


def main() -> None:
    """Run one management command; settings that cannot be used are a sentence, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatapp.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()
