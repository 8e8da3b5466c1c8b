"""The checklist's PromQL asked of a real Prometheus, and its alerts through a real Alertmanager.

expressions.py   the expressions of prometheus/expressions.toml
budgets.py       the numbers of prometheus/budgets.toml, by stage
verdict.py       met, missed, inconclusive
rules.py         rule files made from the two, and rules whose minutes pass faster
server.py        a Prometheus of our own: start, ask, stop
answers.py       what its HTTP API says
blocks.py        OpenMetrics text made into blocks that it reads
alertmanager.py  an Alertmanager of our own
pagerduty.py     an endpoint on the loopback that takes PagerDuty's events and keeps them
program.py       one program on a free port, tied to this process
places.py        where the files of data are
dashboard.py     makes grafana/dashboards (python -m zepguard.prometheus.dashboard)
"""
