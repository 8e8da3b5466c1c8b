"""The reference chat app around the guard: Django on ASGI, a Celery worker that answers, one that delivers."""
