"""The guard in a Django app: add ``guard.django`` to ``INSTALLED_APPS`` for the outbox and ``zep_mode``."""
