"""The load gate: chats on a stack with memory and without, in one run, held against a stage of the checklist.

    stages.py, toml_lines.py   loadtests/stages.toml: every stage and number of the checklist
    schedule.py                when each turn is due, and in which thread
    samples.py                 what a run writes down, raw
    asking.py                  what only the checklist's PromQL says of a run: a real Prometheus over its scrapes
    judge.py, percentile.py    samples and a stage in, a judgement out: pure, and the part to replace
    verdicts.py                what a judgement is, and how it is told
    evidence.py                what a run leaves for a release owner
    arms.py                    a stack with memory for half of the threads, for a while
    recorder.py                scrapes, and the file of samples while a run goes on
    runner.py                  Locust in a process of its own

Locust stands in ``loadtests/locustfile.py`` alone: importing it patches the interpreter.
"""
