"""Days and weeks of the product in virtual time, judged by a real Prometheus: ``zepguard soak``.

``scenarios``  what is soaked: hours, mode, traffic, and the history of Zep
``traffic``    who says what, and when: chats of several turns
``weather``    the fake Zep's days: latency with a tail, 503s, incidents
``product``    the product of world sim, made for days
``run``        the course of a soak, with its two deploys
``scrapes``    the product's own collectors, as OpenMetrics with virtual timestamps
``story``      what happened besides: journal, log, script
``judge``      the checklist's expressions over Prometheus' HTTP API, a verdict an item
``panels``     what the dashboard's panels would show
``session``    all of it, from the first second to the verdict

**Real**: the guard (engine, shells, transition function, telemetry), the outbox with its SQL and its deliveries, the
official SDK down to its HTTP requests, the chat app's side of a turn (claim, memory, answer, commit, relay), Django's
ORM over SQLite, the collectors of ``/api/metrics/``, promtool and Prometheus.

**Left out**, besides what ``zepguard.worlds.sim`` leaves out: HTTP between person and app (JWT, views, JSON), so a turn
begins where a view has checked the request; two turns at the same moment; Redis and its Lua script (the guard's store
for one process stands in: the same transition function, held equal by the store's contract tests); heartbeats but for
one before each turn and each scrape; polls of the outbox at which nothing is due; the outbox's clean-up; scrapes that
fail. The SDK reads the type hints of its classes, and takes them apart, once and not at each message. Shares of 503s
are spread evenly (``weather.EvenShare`` says why). Python looks for garbage seldom.
"""
