@sim-only
Feature: Alerts
  What prometheus/alerts.yml says of the series of a fleet, by promtool: the checklist's three alerts, with their holes
  mended, and those for what the three cannot see. At each time of a table just its alerts fire, and no other. Values are
  in promtool's notation: 0x9 1x5 is ten times 0, then six times 1, and _ is no sample.

  # --- a downgrade warns

  @pre-alert-downgrade
  Scenario: the first downgrade ever, whose series is born with it, warns after a minute and for five
    Given Prometheus has, a sample each 1 min:
      | series                                               | values       |
      | memory_mode_gauge{mode="write_only",job="app"}       | 0x9 1x5 0x20 |
      | memory_mode_gauge{mode="read_write",job="app"}       | 1x9 0x5 1x20 |
      | memory_zep_downgrades_total{reason="auth",job="app"} | _x10 1x25    |
    Then these alerts fire, and no other:
      | at  | alert               | as                            | says |
      | 10m | none                |                               |      |
      | 11m | MemoryAutoDowngrade | warning, reason=auth, job=app | Memory service auto-downgraded: Reason: auth. Check Zep health. |
      | 13m | MemoryAutoDowngrade | warning, reason=auth, job=app | Memory service auto-downgraded: Reason: auth. Check Zep health. |
      | 20m | none                |                               |      |

  @pre-alert-downgrade
  Scenario: a downgrade of the running app warns, and five minutes later no more
    Given the memory service runs in read_write
    When for 5 min a message is sent, and Prometheus scrapes, every 15 s
    And Zep answers writes with 401
    And for 1 min a message is sent, and Prometheus scrapes, every 15 s
    And Zep answers as before
    And for 9 min a message is sent, and Prometheus scrapes, every 15 s
    Then these alerts fire, and no other:
      | at  | alert               | as                                | says |
      | 5m  | none                |                                   |      |
      | 8m  | MemoryAutoDowngrade | warning, reason=auth, job=chatapp | Memory service auto-downgraded: Reason: auth. Check Zep health. |
      | 14m | none                |                                   |      |

  @pre-alert-downgrade
  Scenario: a downgrade that two instances tell is one, and a third instance that tells the old ones is none
    Given Prometheus has, a sample each 15 s:
      | series                                                                    | values     |
      | memory_mode_gauge{mode="write_only",job="app",instance="a"}               | 0x40 1x80  |
      | memory_mode_gauge{mode="write_only",job="app",instance="b"}               | 0x41 1x80  |
      | memory_zep_downgrades_total{reason="auth",job="app",instance="a"}         | 3x40 4x80  |
      | memory_zep_downgrades_total{reason="auth",job="app",instance="b"}         | 3x41 4x80  |
      | memory_zep_downgrades_total{reason="probe_failed",job="app",instance="a"} | 17x120     |
      | memory_zep_downgrades_total{reason="probe_failed",job="app",instance="c"} | _x30 17x90 |
    Then these alerts fire, and no other:
      | at  | alert               | as                            | says |
      | 10m | none                |                               |      |
      | 13m | MemoryAutoDowngrade | warning, reason=auth, job=app | Memory service auto-downgraded: Reason: auth. Check Zep health. |
      | 20m | none                |                               |      |

  @pre-alert-downgrade
  Scenario: a downgrade after the store was emptied, and one that came while nobody scraped, warn
    Given Prometheus has, a sample each 1 min:
      | series                                     | values              |
      | memory_mode_gauge{mode="write_only"}       | 0x30 1x30 _x20 1x30 |
      | memory_zep_downgrades_total{reason="auth"} | 5x30 1x30 _x20 2x30 |
    Then these alerts fire, and no other:
      | at  | alert               | as                   | says |
      | 30m | none                |                      |      |
      | 33m | MemoryAutoDowngrade | warning, reason=auth | Memory service auto-downgraded: Reason: auth. Check Zep health. |
      | 60m | none                |                      |      |
      | 85m | MemoryAutoDowngrade | warning, reason=auth | Memory service auto-downgraded: Reason: auth. Check Zep health. |

  @pre-alert-downgrade
  Scenario: a Prometheus that is new to a service in good health takes its count for history
    Given Prometheus has, a sample each 15 s:
      | series                                     | values |
      | memory_mode_gauge{mode="write_only"}       | 0x60   |
      | memory_zep_downgrades_total{reason="auth"} | 17x60  |
    Then these alerts fire, and no other:
      | at  | alert | as | says |
      | 2m  | none  |    |      |
      | 7m  | none  |    |      |
      | 14m | none  |    |      |

  # --- stuck in write_only pages

  @pre-alert-stuck
  Scenario: stuck in write_only is critical after 15 min of traffic, by the checklist's own series alone
    Given Prometheus has, a sample each 1 min:
      | series                                               | values         |
      | memory_mode_gauge{mode="write_only",job="app"}       | 0x9 1x30 0x20  |
      | memory_zep_downgrades_total{reason="auth",job="app"} | 0x9 1x50       |
      | memory_zep_write_requests_total{job="app"}           | 0+4x60         |
    Then these alerts fire, and no other:
      | at  | alert                  | as                                 | says |
      | 24m | none                   |                                    |      |
      | 26m | MemoryStuckInDowngrade | critical, mode=write_only, job=app | Memory stuck in write_only for 15+ minutes: Check Zep availability. Manual intervention may be required. |
      | 40m | MemoryStuckInDowngrade | critical, mode=write_only, job=app | Memory stuck in write_only for 15+ minutes: Check Zep availability. Manual intervention may be required. |
      | 48m | none                   |                                    |      |

  @pre-alert-stuck
  Scenario: a fleet that counts no new downgrade is stuck too, where its base mode is another
    Given Prometheus has, a sample each 1 min:
      | series                                                | values |
      | memory_mode_gauge{mode="write_only",instance="a"}      | 1x50   |
      | memory_mode_base_gauge{mode="read_write",instance="a"} | 1x50   |
      | memory_mode_base_gauge{mode="write_only",instance="a"} | 0x50   |
      | memory_mode_operator_hold{instance="a"}                | 0x50   |
      | chat_turns_total{instance="a"}                         | 0+3x50 |
    Then these alerts fire, and no other:
      | at  | alert                  | as                        | says |
      | 12m | none                   |                           |      |
      | 18m | MemoryStuckInDowngrade | critical, mode=write_only | Memory stuck in write_only for 15+ minutes: Check Zep availability. Manual intervention may be required. |

  @pre-alert-stuck
  Scenario: write_only as the base mode does not page in 48 hours, with traffic and three downgrades of long ago
    Given Prometheus has, a sample each 2 min, evaluated each 4 min:
      | series                                     | values     |
      | memory_mode_gauge{mode="write_only"}       | 1x1440     |
      | memory_mode_gauge{mode="read_write"}       | 0x1440     |
      | memory_zep_downgrades_total{reason="auth"} | 3x1440     |
      | memory_zep_write_requests_total            | 0+12x1440  |
    Then these alerts fire, and no other:
      | at  | alert | as | says |
      | 20m | none  |    |      |
      | 5h  | none  |    |      |
      | 26h | none  |    |      |
      | 48h | none  |    |      |

  @pre-alert-stuck
  Scenario: a rollback in the middle of a downgrade makes write_only the base mode, which does not page
    Given Prometheus has, a sample each 1 min:
      | series                                     | values    |
      | memory_mode_gauge{mode="write_only"}       | 0x5 1x60  |
      | memory_mode_base_gauge{mode="write_only"}  | 0x8 1x57  |
      | memory_mode_base_gauge{mode="read_write"}  | 1x8 0x57  |
      | memory_zep_downgrades_total{reason="auth"} | 0x5 1x60  |
      | chat_turns_total                           | 0+3x66    |
      | memory_zep_write_requests_total            | 0+6x66    |
    Then these alerts fire, and no other:
      | at  | alert | as | says |
      | 22m | none  |    |      |
      | 40m | none  |    |      |
      | 64m | none  |    |      |

  @pre-alert-stuck
  Scenario: an idle night after a downgrade of the running app pages nobody
    Given the memory service runs in read_write
    When for 5 min a message is sent, and Prometheus scrapes, every 30 s
    And Zep answers writes with 401
    And for 1 min a message is sent, and Prometheus scrapes, every 30 s
    And Zep answers as before
    And for 4 min a message is sent, and Prometheus scrapes, every 30 s
    And for 50 min nobody writes, and Prometheus scrapes, every 30 s
    Then memory_mode_gauge{mode="write_only"} is 1
    And these alerts fire, and no other:
      | at  | alert               | as                                | says |
      | 8m  | MemoryAutoDowngrade | warning, reason=auth, job=chatapp | Memory service auto-downgraded: Reason: auth. Check Zep health. |
      | 21m | none                |                                   |      |
      | 23m | none                |                                   |      |
      | 30m | none                |                                   |      |
      | 58m | none                |                                   |      |

  @pre-alert-stuck
  Scenario: an operator's hold of an hour pages nobody, and is none of a downgrade
    Given Prometheus has, a sample each 1 min:
      | series                                    | values        |
      | memory_mode_gauge{mode="write_only"}      | 0x5 1x60 0x10 |
      | memory_mode_base_gauge{mode="read_write"} | 1x76          |
      | memory_mode_operator_hold                 | 0x5 1x60 0x10 |
      | chat_turns_total                          | 0+3x76        |
    Then these alerts fire, and no other:
      | at  | alert | as | says |
      | 22m | none  |    |      |
      | 40m | none  |    |      |
      | 65m | none  |    |      |

  @pre-alert-stuck
  Scenario: the running app stuck in write_only is critical
    Given the memory service runs in read_write
    When for 3 min a message is sent, and Prometheus scrapes, every 60 s
    And Zep answers 403 to every request
    And for 18 min a message is sent, and Prometheus scrapes, every 60 s
    Then these alerts fire, and no other:
      | at  | alert                  | as                                        | says |
      | 3m  | none                   |                                           |      |
      | 20m | MemoryAutoDowngrade    | warning, reason=probe_failed, job=chatapp | Memory service auto-downgraded: Reason: probe_failed. Check Zep health. |
      | 20m | MemoryStuckInDowngrade | critical, mode=write_only, job=chatapp    | Memory stuck in write_only for 15+ minutes: Check Zep availability. Manual intervention may be required. |
      | 20m | MemoryOutboxStuck      | warning, job=chatapp                      | Messages wait for Zep for over 10 minutes: Does celery_delivery_worker run, and does Zep take writes? See zep_mode --outbox. |

  # --- reads that fail warn

  @pre-alert-reads
  Scenario: six failed reads a second of the fleet warn after 5 min, although no instance has more than four
    Given Prometheus has, a sample each 1 min:
      | series                                                     | values     |
      | memory_mode_gauge{mode="write_only",job="app",instance="a"} | 0x40       |
      | memory_zep_context_failures_total{job="app",instance="a"}  | 0x9 0+240x15 3600x15 |
      | memory_zep_context_failures_total{job="app",instance="b"}  | 0x9 0+120x15 1800x15 |
      | memory_zep_read_requests_total{job="app",instance="a"}     | 0+6000x40  |
      | memory_zep_read_requests_total{job="app",instance="b"}     | 0+6000x40  |
    Then these alerts fire, and no other:
      | at  | alert                   | as               | says |
      | 14m | none                    |                  |      |
      | 22m | MemoryReadFailuresSpike | warning, job=app | Memory read failures spiking: Investigate Zep connectivity/auth. |
      | 35m | none                    |                  |      |

  @pre-alert-reads
  Scenario: five failed reads a second are no spike
    Given Prometheus has, a sample each 1 min:
      | series                               | values    |
      | memory_mode_gauge{mode="write_only"} | 0x20      |
      | memory_zep_context_failures_total    | 0+300x20  |
      | memory_zep_read_requests_total       | 0+6000x20 |
    Then these alerts fire, and no other:
      | at  | alert | as | says |
      | 12m | none  |    |      |
      | 20m | none  |    |      |

  @pre-alert-reads
  Scenario: reads that stop at the third failure in a row, too few for a spike, warn by their share
    Given Prometheus has, a sample each 1 min:
      | series                               | values          |
      | memory_mode_gauge{mode="write_only"} | 0x20 1x5 0x30   |
      | memory_mode_base_gauge{mode="read_write"} | 1x60       |
      | memory_zep_context_failures_total    | 100x18 101 102 103x40 |
      | memory_zep_read_requests_total       | 100x17 101 102 104 105x40 |
    Then these alerts fire, and no other:
      | at  | alert                  | as      | says |
      | 20m | none                   |         |      |
      | 26m | MemoryReadFailureRatio | warning | More than 10 % of memory reads fail: 60% of the reads of the last 10 minutes failed. Check Zep health. |
      | 45m | none                   |         |      |

  @pre-alert-reads
  Scenario: three failed reads warn, however many instances they are shared by and however many hours went well
    Given Prometheus has, a sample each 1 min:
      | series                                                      | values             |
      | memory_mode_gauge{mode="write_only",job="app"}              | 0x120              |
      | memory_zep_context_failures_total{job="app",instance="a"}   | 100x90 101x30      |
      | memory_zep_context_failures_total{job="app",instance="b"}   | 100x90 101x30      |
      | memory_zep_context_failures_total{job="app",instance="c"}   | 100x90 102x30      |
      | memory_zep_read_requests_total{job="app",instance="a"}      | 0+2x60 120x28 122 124x30 |
      | memory_zep_read_requests_total{job="app",instance="b"}      | 0+2x60 120x28 122 124x30 |
      | memory_zep_read_requests_total{job="app",instance="c"}      | 0+2x60 120x28 122 124x30 |
    Then these alerts fire, and no other:
      | at  | alert                  | as               | says |
      | 90m | none                   |                  |      |
      | 98m | MemoryReadFailureRatio | warning, job=app | More than 10 % of memory reads fail: 33.33% of the reads of the last 10 minutes failed. Check Zep health. |

  @pre-alert-reads
  Scenario: neither one failed read of one at night, nor one of twenty all day, warns
    Given Prometheus has, a sample each 1 min:
      | series                                           | values      |
      | memory_mode_gauge{mode="write_only"}             | 0x60        |
      | memory_zep_context_failures_total{job="night"}   | 0x20 1x40   |
      | memory_zep_read_requests_total{job="night"}      | 5x20 6x40   |
      | memory_zep_context_failures_total{job="day"}     | 0+1x60      |
      | memory_zep_read_requests_total{job="day"}        | 0+20x60     |
    Then these alerts fire, and no other:
      | at  | alert | as | says |
      | 26m | none  |    |      |
      | 29m | none  |    |      |
      | 55m | none  |    |      |

  # --- where the three are blind

  @pre-alert-downgrade @pre-alert-stuck
  Scenario: a store that is down for 5 min is critical, and metrics that are gone for 10 min warn
    Given Prometheus has, a sample each 1 min:
      | series                                              | values          |
      | memory_mode_gauge{mode="write_only",job="storeless"} | 0x9 _x40        |
      | memory_guard_store_up{job="storeless"}              | 1x9 0x40        |
      | memory_mode_gauge{mode="write_only",job="gone"}     | 0x9 _x40        |
      | memory_mode_gauge{mode="write_only",job="fleet",instance="a"} | 0x50   |
      | memory_guard_store_up{job="fleet",instance="a"}     | 1x50            |
      | memory_guard_store_up{job="fleet",instance="b"}     | 1x9 0x40        |
      | memory_mode_gauge{mode="write_only",job="restarts"} | 0x50            |
      | memory_guard_store_up{job="restarts"}               | 1x9 0x2 1x40    |
    Then these alerts fire, and no other:
      | at  | alert                | as                      | says |
      | 13m | none                 |                         |      |
      | 17m | MemoryGuardStoreDown | critical, job=storeless | The guard's store does not answer: Each process decides alone, and downgrades are not seen. Check Redis or Valkey. |
      | 30m | MemoryGuardStoreDown | critical, job=storeless | The guard's store does not answer: Each process decides alone, and downgrades are not seen. Check Redis or Valkey. |
      | 30m | MemoryMetricsAbsent  | warning, job=gone       | No memory metrics: memory_mode_gauge is not there: is the app up, and does Prometheus scrape /api/metrics/? |

  @pre-alert-downgrade @pre-alert-stuck
  Scenario: an app that was never scraped is missed
    Given Prometheus has, a sample each 1 min:
      | series                             | values |
      | up{job="somebody else's"}          | 1x20   |
    Then these alerts fire, and no other:
      | at  | alert               | as      | says |
      | 8m  | none                |         |      |
      | 14m | MemoryMetricsAbsent | warning | No memory metrics: memory_mode_gauge is not there: is the app up, and does Prometheus scrape /api/metrics/? |

  # --- messages that wait

  @pre-alert-stuck
  Scenario: messages that wait for over 10 min warn, in a fleet as one; shorter outages and mode off do not
    Given Prometheus has, a sample each 1 min:
      | series                                                       | values             |
      | memory_mode_gauge{mode="write_only",job="app"}               | 0x60               |
      | memory_outbox_oldest_age_seconds{job="app",instance="a"}     | 0x9 0+60x20 0x30   |
      | memory_outbox_oldest_age_seconds{job="app",instance="b"}     | 0x9 0+60x20 0x30   |
      | memory_mode_gauge{mode="write_only",job="short"}             | 0x60               |
      | memory_outbox_oldest_age_seconds{job="short",instance="a"}   | 0x9 0+60x10 0x40   |
      | memory_mode_gauge{mode="off",job="off"}                      | 1x60               |
      | memory_mode_gauge{mode="write_only",job="off"}               | 0x60               |
      | memory_outbox_oldest_age_seconds{job="off",instance="a"}     | 0x9 0+60x50        |
    Then these alerts fire, and no other:
      | at  | alert             | as               | says |
      | 21m | none              |                  |      |
      | 24m | none              |                  |      |
      | 28m | MemoryOutboxStuck | warning, job=app | Messages wait for Zep for over 10 minutes: Does celery_delivery_worker run, and does Zep take writes? See zep_mode --outbox. |
      | 40m | none              |                  |      |

  @pre-alert-stuck
  Scenario: a dead letter warns until somebody has seen to it, and where nobody tells their number for an hour
    Given Prometheus has, a sample each 1 min:
      | series                                             | values          |
      | memory_mode_gauge{mode="write_only",job="app"}     | 0x200           |
      | memory_outbox_dead_letters{job="app",instance="a"} | 0x79 2x60 0x60  |
      | memory_outbox_dead_letters{job="app",instance="b"} | 0x79 2x60 0x60  |
      | memory_outbox_dead_total{job="app",instance="a"}   | 0x79 2x120      |
      | memory_mode_gauge{mode="write_only",job="old"}     | 0x200           |
      | memory_outbox_dead_total{job="old",instance="a"}   | 4x99 5x100      |
    Then these alerts fire, and no other:
      | at   | alert                   | as               | says |
      | 75m  | none                    |                  |      |
      | 83m  | MemoryOutboxDeadLetters | warning, job=app | Zep refused messages for good: zep_mode --outbox says which and why: --resend or --drop each. |
      | 98m  | MemoryOutboxDeadLetters | warning, job=app | Zep refused messages for good: zep_mode --outbox says which and why: --resend or --drop each. |
      | 104m | MemoryOutboxDeadLetters | warning, job=app | Zep refused messages for good: zep_mode --outbox says which and why: --resend or --drop each. |
      | 104m | MemoryOutboxDeadLetters | warning, job=old | Zep refused messages for good: zep_mode --outbox says which and why: --resend or --drop each. |
      | 138m | MemoryOutboxDeadLetters | warning, job=app | Zep refused messages for good: zep_mode --outbox says which and why: --resend or --drop each. |
      | 138m | MemoryOutboxDeadLetters | warning, job=old | Zep refused messages for good: zep_mode --outbox says which and why: --resend or --drop each. |
      | 150m | MemoryOutboxDeadLetters | warning, job=old | Zep refused messages for good: zep_mode --outbox says which and why: --resend or --drop each. |
      | 180m | none                    |                  |      |

  @pre-alert-stuck
  Scenario: one message of twenty sent again warns, over the fleet; one of a quiet night and one of 400 do not
    Given Prometheus has, a sample each 1 min:
      | series                                                       | values          |
      | memory_mode_gauge{mode="write_only",job="app"}               | 0x160           |
      | memory_outbox_unknown_total{job="app",instance="a"}          | 0x60 1x99       |
      | memory_outbox_unknown_total{job="app",instance="b"}          | 0x60 2x99       |
      | memory_outbox_delivered_total{job="app",instance="a"}        | 0+0.5x160       |
      | memory_outbox_delivered_total{job="app",instance="b"}        | 0+0.5x160       |
      | memory_mode_gauge{mode="write_only",job="night"}             | 0x160           |
      | memory_outbox_unknown_total{job="night",instance="a"}        | 0x60 1x99       |
      | memory_outbox_delivered_total{job="night",instance="a"}      | 0+0.2x160       |
      | memory_mode_gauge{mode="write_only",job="day"}               | 0x160           |
      | memory_outbox_unknown_total{job="day",instance="a"}          | 0+0.1x160       |
      | memory_outbox_delivered_total{job="day",instance="a"}        | 0+40x160        |
    Then these alerts fire, and no other:
      | at   | alert                 | as               | says |
      | 60m  | none                  |                  |      |
      | 70m  | MemoryOutboxSentAgain | warning, job=app | Messages of unknown fate were sent again: Zep may hold some of them twice, if it applied the first request late. Check Zep's latency. |
      | 140m | none                  |                  |      |

  # --- who is told

  @pre-alert-downgrade @pre-alert-stuck @pre-alert-reads
  Scenario: what is critical pages, what is a warning warns, and an alert of nobody is not lost
    Then Alertmanager pages:
      | alert                   | receiver         | severity | key                        | first after | next after | again after |
      | MemoryAutoDowngrade     | backend-warning  | warning  | pagerduty-backend-warning  | 10s         | 1m         | 12h         |
      | MemoryStuckInDowngrade  | backend-critical | critical | pagerduty-backend-critical | 0s          | 1m         | 1h          |
      | MemoryReadFailuresSpike | backend-warning  | warning  | pagerduty-backend-warning  | 10s         | 1m         | 12h         |
      | MemoryReadFailureRatio  | backend-warning  | warning  | pagerduty-backend-warning  | 10s         | 1m         | 12h         |
      | MemoryGuardStoreDown    | backend-critical | critical | pagerduty-backend-critical | 0s          | 1m         | 1h          |
      | MemoryMetricsAbsent     | backend-warning  | warning  | pagerduty-backend-warning  | 10s         | 1m         | 12h         |
      | MemoryOutboxStuck       | backend-warning  | warning  | pagerduty-backend-warning  | 10s         | 1m         | 12h         |
      | MemoryOutboxDeadLetters | backend-warning  | warning  | pagerduty-backend-warning  | 10s         | 1m         | 12h         |
      | MemoryOutboxSentAgain   | backend-warning  | warning  | pagerduty-backend-warning  | 10s         | 1m         | 12h         |
      | OfNobody                | backend-warning  | warning  | pagerduty-backend-warning  | 10s         | 1m         | 12h         |
