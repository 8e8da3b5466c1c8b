"""The reference chat app: Django, uvicorn and Celery round the guard."""
