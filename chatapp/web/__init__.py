"""The web side: the ASGI layers round Django, and Django's views.

``lifespan``      starts and stops what the process has
``body_limit``    refuses bodies over the limit before Django keeps them
``first_token``   measures the time to first byte
``requests``      reads and checks what a person sends
``answers``       writes what the person gets
``views``         the endpoints
"""
