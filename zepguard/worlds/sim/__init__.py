"""The world of virtual time: chat app, workers, guard and fake Zep in one process, where 300 s take no time.

How it is built, from the bottom:

``clock``       one clock for our own code, an agenda of what is due, and lanes: work beside the main course
``frozen``      the same time for code that is not ours (Django, PyJWT, fakeredis, structlog), by freezegun
``wire``        answers the SDK's requests from the fake Zep's own core, and takes virtual time for each
``faults``      what each fault of ``zepguard chaos list`` does to a call on the wire
``store``       the guard's store, which can be taken away, and its rules in Lua held against those in Python
``app``         the chat app: Django, its database in memory, its client, ``zep_mode``
``carrier``     carries a question to the worker, which answers in place, and its events back
``deliveries``  the delivery worker: each batch is a lane
``product``     the programs: which run, with which settings, under which pid
``world``       ``SimWorld``, all of it as the steps meet it

**Time.** It passes only in calls to Zep, in restarts, and where a step waits. Each call takes its drawn latency, one
that times out the whole deadline (``ZEP_TIMEOUT_MS``); our own computing takes none. A step is 2\\ :sup:`-20` s.

**Deliveries** run beside the chat, as in the delivery worker of the stack: a batch is a lane (a greenlet that only ever
runs while all else stands still), and a call in it ends when the clock has come so far, by a turn's own latency or by
a step's wait. So a delivery's timeouts take nothing from the person, and what it reports to the store is reported at
its own time. Batches of one thread follow one another, four threads of conversation go at once, the table is looked at
after each turn (the nudge) and every half second while something is undelivered.

**Left out**: the broker and Celery (no lost task, no dead worker, no serialized task), uvicorn and the ASGI layers
(so ``agent_latency_seconds`` stays empty), server-sent events, several processes' counters in one folder, connections
(a fault taken off cuts none; there is no keep-alive but for half-answer's count), contention of any kind, a
store that is slow rather than away, and the loop of ``DeliveryLoop``, whose steps are taken here by ``deliveries``.
A fault is seen by the calls that it hit; nothing probes for it.
"""

from zepguard.worlds.sim.world import SimWorld

__all__ = ["SimWorld"]
