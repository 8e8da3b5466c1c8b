"""One turn: a message, the worker that answers it, and the web that waits for the answer.

``question``    what was asked
``events``      what a worker says while it answers
``relay``       decides what the person hears and when to ask again (pure)
``mailbox``     carries events from worker to web, on the broker's own store
``publishing``  sends a question to the workers
``asking``      the web's side: asks, listens, asks again, until the answer or the deadline
``claims``      who may answer a turn, in the database
``answering``   the worker's side
``tasks``       the worker's Celery task
"""
