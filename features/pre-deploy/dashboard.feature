@sim-only
Feature: Dashboard
  The panels of grafana/dashboards/memory_service_monitoring.json over the metrics of the running app: each query is asked
  of a real Prometheus, and its value shown as Grafana does it, by calculation, mapping, unit and colour.

  @pre-dashboard
  Scenario: in write_only the nine panels show what the checklist lists
    Given the memory service runs in write_only
    When for 8 min a message is sent, and Prometheus scrapes, every 30 s
    Then the dashboard shows:
      | panel                   | shows                       | colour |
      | Memory Mode (Current)   | WRITE_ONLY                  | yellow |
      | Downgrade Events        | 0 events                    |        |
      | Read Health             | N/A                         |        |
      | Context Failures        | none                        |        |
      | PII Redactions          | 0                           |        |
      | Cache Hit Rate          | N/A                         |        |
      | Write Health            | over 99 %                   | green  |
      | Circuit Breaker Opens   | 0                           | green  |
      | Read/Write Request Rate | reads 0/s, writes over 0/s  |        |
      | Mode Timeline           | WRITE_ONLY                  |        |
      | Outbox Depth               | messages 0                                 |        |
      | Oldest Undelivered Message | waits 0 s                                  | green  |
      | Dead Letters               | letters 0                                  | green  |
      | Sent Again                 | messages 0                                 |        |
      | Outbox Deliveries          | delivered over 0/s, put back 0/s, dead 0/s |        |
      | Annotation Downgrades   | 0                           |        |
      | Annotation Restores     | 0                           |        |

  @pre-dashboard
  Scenario: a downgrade and its restore in read_write show in panels and annotations
    Given the memory service runs in read_write
    When for 3 min a message is sent, and Prometheus scrapes, every 30 s
    And Zep answers 503 to every request
    And for 3 min a message is sent, and Prometheus scrapes, every 30 s
    Then the dashboard shows:
      | panel                   | shows                          | colour |
      | Memory Mode (Current)   | WRITE_ONLY                     | yellow |
      | Downgrade Events        | consecutive_failures over 0      | red    |
      | Read Health             | under 90 %                     | red    |
      | Context Failures        | failed over 0/s                | yellow |
      | PII Redactions          | 0                              |        |
      | Cache Hit Rate          | over 20 %                      |        |
      | Write Health            | under 99 %                     | red    |
      | Circuit Breaker Opens   | over 0                         | red    |
      | Read/Write Request Rate | reads over 0/s, writes over 0/s |       |
      | Mode Timeline           | WRITE_ONLY                     |        |
      | Outbox Depth               | messages over 0                            |        |
      | Oldest Undelivered Message | waits under 240 s                          | green  |
      | Dead Letters               | letters 0                                  | green  |
      | Sent Again                 | messages 0                                 |        |
      | Outbox Deliveries          | delivered over 0/s, put back over 0/s, dead 0/s |        |
      | Annotation Downgrades   | 1                              | red    |
      | Annotation Restores     | 0                              | green  |
    When Zep answers as before
    And for 7 min a message is sent, and Prometheus scrapes, every 30 s
    Then the dashboard shows:
      | panel                   | shows                          | colour |
      | Memory Mode (Current)   | READ_WRITE                     | green  |
      | Downgrade Events        | consecutive_failures over 0      | red    |
      | Read Health             | 100 %                          | green  |
      | Context Failures        | failed over 0/s                |        |
      | PII Redactions          | 0                              |        |
      | Cache Hit Rate          | over 20 %                      |        |
      | Write Health            | under 99 %                     | red    |
      | Circuit Breaker Opens   | over 0                         | red    |
      | Read/Write Request Rate | reads over 0/s, writes over 0/s |       |
      | Mode Timeline           | READ_WRITE                     |        |
      | Outbox Depth               | messages 0                                 |        |
      | Oldest Undelivered Message | waits 0 s                                  | green  |
      | Dead Letters               | letters 0                                  | green  |
      | Sent Again                 | messages over 0                            |        |
      | Outbox Deliveries          | delivered over 0/s, put back 0/s, dead 0/s |        |
      | Annotation Downgrades   | 1                              | red    |
      | Annotation Restores     | 1                              | green  |

  @pre-dashboard
  Scenario: over a fleet of two instances each expression gives what it says, and its recorded rule the same
    Given Prometheus has, a sample each 1 min:
      | series                                                              | values      |
      | memory_mode_gauge{mode="off",instance="a"}                          | 0x30        |
      | memory_mode_gauge{mode="write_only",instance="a"}                   | 0x30        |
      | memory_mode_gauge{mode="write_only",instance="b"}                   | 0x30        |
      | memory_mode_gauge{mode="read_write",instance="a"}                   | 1x30        |
      | memory_mode_gauge{mode="read_write",instance="b"}                   | 1x30        |
      | memory_mode_base_gauge{mode="off",instance="a"}                     | 0x30        |
      | memory_mode_base_gauge{mode="write_only",instance="a"}              | 1x30        |
      | memory_mode_base_gauge{mode="read_write",instance="a"}              | 0x30        |
      | memory_zep_downgrades_total{reason="auth",instance="a"}             | 0+5x30      |
      | memory_zep_downgrades_total{reason="auth",instance="b"}             | 0+5x30      |
      | memory_zep_restores_total{instance="a"}                             | 0+4x30      |
      | memory_zep_restores_total{instance="b"}                             | 0+4x30      |
      | memory_zep_probes_total{result="succeeded",instance="a"}            | 0+4x30      |
      | memory_zep_probes_total{result="succeeded",instance="b"}            | 0+4x30      |
      | memory_zep_probes_total{result="failed",instance="a"}               | 0+1x30      |
      | memory_zep_read_requests_total{instance="a"}                        | 0+60x30     |
      | memory_zep_read_requests_total{instance="b"}                        | 0+60x30     |
      | memory_zep_context_failures_total{instance="a"}                     | 0+6x30      |
      | memory_zep_context_failures_total{instance="b"}                     | 0x30        |
      | memory_zep_context_cache_hits_total{instance="a"}                   | 0+40x30     |
      | memory_zep_context_cache_hits_total{instance="b"}                   | 0+40x30     |
      | memory_zep_read_latency_seconds_bucket{le="0.1",instance="a"}       | 0+48x30     |
      | memory_zep_read_latency_seconds_bucket{le="0.25",instance="a"}      | 0+54x30     |
      | memory_zep_read_latency_seconds_bucket{le="0.3",instance="a"}       | 0+60x30     |
      | memory_zep_read_latency_seconds_bucket{le="+Inf",instance="a"}      | 0+60x30     |
      | memory_zep_write_requests_total{instance="a"}                       | 0+120x30    |
      | memory_zep_write_requests_total{instance="b"}                       | 0+120x30    |
      | memory_zep_write_failures_total{instance="a"}                       | 0+3x30      |
      | circuit_open_total{component="zep",instance="a"}                    | 0+1x30      |
      | circuit_open_total{component="zep",instance="b"}                    | 0+1x30      |
      | circuit_open_total{component="another",instance="a"}                | 0+9x30      |
      | circuit_open_seconds_total{component="zep",instance="a"}            | 0+6x30      |
      | circuit_open_seconds_total{component="zep",instance="b"}            | 0+6x30      |
      | memory_pii_redactions_total{kind="email",instance="a"}              | 0+2x30      |
      | memory_pii_redactions_total{kind="email",instance="b"}              | 0+3x30      |
      | agent_latency_seconds_bucket{le="0.3",instance="a"}                 | 0+90x30     |
      | agent_latency_seconds_bucket{le="0.4",instance="a"}                 | 0+100x30    |
      | agent_latency_seconds_bucket{le="+Inf",instance="a"}                | 0+100x30    |
      | error_rate_total{instance="a"}                                      | 0+1x30      |
      | chat_turns_total{instance="a"}                                      | 0+60x30     |
      | chat_turns_total{instance="b"}                                      | 0+40x30     |
      | memory_outbox_depth{instance="a"}                                   | 7x30        |
      | memory_outbox_depth{instance="b"}                                   | 7x30        |
      | memory_outbox_oldest_age_seconds{instance="a"}                      | 60x30       |
      | memory_outbox_oldest_age_seconds{instance="b"}                      | 61x30       |
      | memory_outbox_dead_letters{instance="a"}                            | 3x30        |
      | memory_outbox_dead_letters{instance="b"}                            | 3x30        |
      | memory_outbox_unknown_total{instance="a"}                           | 0+2x30      |
      | memory_outbox_unknown_total{instance="b"}                           | 0+1x30      |
      | memory_outbox_delivered_total{instance="a"}                         | 0+60x30     |
      | memory_outbox_delivered_total{instance="b"}                         | 0+30x30     |
      | memory_outbox_retried_total{instance="a"}                           | 0+12x30     |
      | memory_outbox_retried_total{instance="b"}                           | 0+6x30      |
      | memory_outbox_dead_total{instance="a"}                              | 0+6x30      |
      | memory_outbox_dead_total{instance="b"}                              | 0+3x30      |
    Then rules and expressions give:
      | at  | expression         | of                   | value |
      | 30m | mode               |                      | 2     |
      | 30m | mode_as_flags_say  |                      | 0     |
      | 30m | downgrades         | {reason="auth"}      | 25    |
      | 30m | restores           |                      | 20    |
      | 30m | probes             | {result="succeeded"} | 120   |
      | 30m | probes             | {result="failed"}    | 30    |
      | 30m | probe_success      |                      | 0.8   |
      | 30m | read_success       |                      | 0.95  |
      | 30m | read_failure_ratio |                      | 0.05  |
      | 30m | read_failures      |                      | 0.1   |
      | 30m | read_rate          |                      | 2     |
      | 30m | read_p95           |                      | 0.275 |
      | 30m | write_success      |                      | 0.9875 |
      | 30m | write_rate         |                      | 4     |
      | 30m | cache_hits         |                      | 0.4   |
      | 30m | breaker_opens      |                      | 30    |
      | 30m | breaker_open_ratio |                      | 0.1   |
      | 30m | pii_redactions     | {kind="email"}       | 150   |
      | 30m | ttfb_p95           |                      | 0.35  |
      | 30m | error_ratio        |                      | 0.01  |
      | 30m | outbox_depth       |                      | 7     |
      | 30m | outbox_oldest      |                      | 61    |
      | 30m | outbox_dead_letters |                     | 3     |
      | 30m | outbox_sent_again  |                      | 90    |
      | 30m | outbox_delivered   |                      | 1.5   |
      | 30m | outbox_retried     |                      | 0.3   |
      | 30m | outbox_dead        |                      | 0.15  |

  @pre-dashboard
  Scenario: each expression looks back as far as it says, and no farther
    Given Prometheus has, a sample each 2 min:
      | series                                                  | values               |
      | memory_mode_gauge{mode="off"}                           | 0x20                 |
      | memory_mode_gauge{mode="write_only"}                    | 0x15 1x4             |
      | memory_mode_gauge{mode="read_write"}                    | 1x15 0x4             |
      | memory_mode_base_gauge{mode="off"}                      | 0x20                 |
      | memory_mode_base_gauge{mode="write_only"}               | 0x20                 |
      | memory_mode_base_gauge{mode="read_write"}               | 1x20                 |
      | memory_zep_downgrades_total{reason="auth"}              | 0+10x15 152+2x4      |
      | memory_zep_restores_total                               | 0+8x15 122+2x4       |
      | memory_zep_probes_total{result="succeeded"}             | 0+8x15 122+2x4       |
      | memory_zep_probes_total{result="failed"}                | 0+2x15 32+2x4        |
      | memory_zep_read_requests_total                          | 0+120x15 1860+60x4   |
      | memory_zep_context_failures_total                       | 0+12x15 192+12x4     |
      | memory_zep_context_cache_hits_total                     | 0+80x15 1300+100x4   |
      | memory_zep_read_latency_seconds_bucket{le="0.1"}        | 0+120x15 1800x4      |
      | memory_zep_read_latency_seconds_bucket{le="0.25"}       | 0+120x15 1860+60x4   |
      | memory_zep_read_latency_seconds_bucket{le="+Inf"}       | 0+120x15 1860+60x4   |
      | memory_zep_write_requests_total                         | 0+240x15 3720+120x4  |
      | memory_zep_write_failures_total                         | 0+6x15 102+12x4      |
      | circuit_open_total{component="zep"}                     | 0+2x15 34+4x4        |
      | circuit_open_seconds_total{component="zep"}             | 0+12x15 204+24x4     |
      | memory_pii_redactions_total{kind="email"}               | 0+4x15 68+8x4        |
      | agent_latency_seconds_bucket{le="0.3"}                  | 0+200x15 3000x4      |
      | agent_latency_seconds_bucket{le="0.4"}                  | 0+200x15 3200+200x4  |
      | agent_latency_seconds_bucket{le="+Inf"}                 | 0+200x15 3200+200x4  |
      | error_rate_total                                        | 0+2x15 40+10x4       |
      | chat_turns_total                                        | 0+200x20             |
      | memory_outbox_depth                                     | 0x15 7x4             |
      | memory_outbox_oldest_age_seconds                        | 0x15 60x4            |
      | memory_outbox_dead_letters                              | 0x15 3x4             |
      | memory_outbox_unknown_total                             | 0+4x15 68+8x4        |
      | memory_outbox_delivered_total                           | 0+120x15 1860+60x4   |
      | memory_outbox_retried_total                             | 0+24x15 372+12x4     |
      | memory_outbox_dead_total                                | 0+12x15 204+24x4     |
    Then rules and expressions give:
      | at  | expression         | of                   | value |
      | 37m | mode                |                      | 1        |
      | 37m | mode_as_flags_say   |                      | 0        |
      | 37m | downgrades          | {reason="auth"}      | 5        |
      | 37m | restores            |                      | 5        |
      | 37m | probes              | {result="succeeded"} | 129.5    |
      | 37m | probes              | {result="failed"}    | 37       |
      | 37m | probe_success       |                      | 0.777778 |
      | 37m | read_success        |                      | 0.8      |
      | 37m | read_failure_ratio  |                      | 0.16     |
      | 37m | read_failures       |                      | 0.1      |
      | 37m | read_rate           |                      | 0.5      |
      | 37m | read_p95            |                      | 0.2425   |
      | 37m | write_success       |                      | 0.968182 |
      | 37m | write_rate          |                      | 1        |
      | 37m | cache_hits          |                      | 0.625    |
      | 37m | breaker_opens       |                      | 43.166667 |
      | 37m | breaker_open_ratio  |                      | 0.175    |
      | 37m | pii_redactions      | {kind="email"}       | 86.333333 |
      | 37m | ttfb_p95            |                      | 0.395    |
      | 37m | error_ratio         |                      | 0.05     |
      | 37m | outbox_depth        |                      | 7        |
      | 37m | outbox_oldest       |                      | 60       |
      | 37m | outbox_dead_letters |                      | 3        |
      | 37m | outbox_sent_again   |                      | 86.333333 |
      | 37m | outbox_delivered    |                      | 0.5      |
      | 37m | outbox_retried      |                      | 0.1      |
      | 37m | outbox_dead         |                      | 0.2      |

  @pre-dashboard
  Scenario: the numbers that colour panels and decide stages are the checklist's
    Then the checklist's numbers decide:
      | item               | stage              | expression         | over         | good   | bad    | baseline |
      | soak-downgrades    | staging-write-only | downgrades         | 48h          | 0      | 1      |          |
      | soak-writes        | staging-write-only | write_success      | 1h           | 0.991  | 0.99   |          |
      | soak-breaker       | staging-write-only | breaker_opens      | 48h          | 0      | 1      |          |
      | canary-downgrades  | canary             | downgrades         | 1h           | 0      | 1      |          |
      | canary-read-p95    | canary             | read_p95           | 5m           | 0.249  | 0.25   |          |
      | canary-ttfb        | canary             | ttfb_p95           | 5m           | 0.399  | 0.4    | 0.3      |
      | canary-errors      | canary             | error_ratio        | 5m           | 0.0109 | 0.0111 | 0.01     |
      | canary-cache       | canary             | cache_hits         | 5m           | 0.301  | 0.3    |          |
      | full-downgrades    | full               | downgrades         | 24h          | 0      | 1      |          |
      | rollback-ttfb      | rollback           | ttfb_p95           | 5m           | 0.5    | 0.501  | 0.3      |
      | rollback-breaker   | rollback           | breaker_open_ratio | 10m          | 0.05   | 0.051  |          |
      | rollback-errors    | rollback           | error_ratio        | 5m           | 0.02   | 0.021  | 0.01     |
      | downgrade-latency  | rollback           | read_p95           | 5m, for 15m  | 0.3    | 0.301  |          |
      | downgrade-failures | rollback           | read_failure_ratio | 10m          | 0.1    | 0.101  |          |
      | week1-read-p95     | week-1             | read_p95           | 1d           | 0.249  | 0.25   |          |
      | week1-ttfb         | week-1             | ttfb_p95           | 5m           | 0.349  | 0.35   | 0.3      |
      | month1-probes      | month-1            | probe_success      | 30d          | 0.91   | 0.9    |          |
      | month1-cache       | month-1            | cache_hits         | 1h           | 0.41   | 0.4    |          |

  @pre-dashboard
  Scenario: what a value looks like is the checklist's too
    Then the dashboard colours:
      | panel                      | value  | text       | colour |
      | Memory Mode (Current)      | 0      | OFF        | red    |
      | Memory Mode (Current)      | 1      | WRITE_ONLY | yellow |
      | Memory Mode (Current)      | 2      | READ_WRITE | green  |
      | Mode Timeline              | 0      | OFF        | red    |
      | Downgrade Events           | 1      | 1          | red    |
      | Read Health                | none   | N/A        | text   |
      | Read Health                | 0.8996 | 89.96 %    | red    |
      | Read Health                | 0.9004 | 90.04 %    | green  |
      | Context Failures           | 4.9    | 4.9/s      | yellow |
      | Context Failures           | 5.1    | 5.1/s      | red    |
      | Cache Hit Rate             | none   | N/A        | text   |
      | Cache Hit Rate             | 0.299  | 29.9 %     | red    |
      | Cache Hit Rate             | 0.301  | 30.1 %     | yellow |
      | Cache Hit Rate             | 0.401  | 40.1 %     | green  |
      | Write Health               | none   | N/A        | text   |
      | Write Health               | 0.9896 | 98.96 %    | red    |
      | Write Health               | 0.9904 | 99.04 %    | green  |
      | Circuit Breaker Opens      | 0      | 0          | green  |
      | Circuit Breaker Opens      | 1      | 1          | red    |
      | Oldest Undelivered Message | 599    | 599 s      | green  |
      | Oldest Undelivered Message | 600    | 600 s      | red    |
      | Dead Letters               | 0      | 0          | green  |
      | Dead Letters               | 1      | 1          | red    |

  @pre-dashboard
  Scenario: the load gate asks for the checklist's numbers, each in its stage
    Then the load gate asks:
      | stage              | item                | mode       | share | hours      | measure                | limit                  |
      | pre-deploy         | pre-alert-downgrade | write_only |       |            | downgrades             | at most 0, for 1 min   |
      | pre-deploy         | pre-alert-stuck     | write_only |       |            | forced_write_only      | at most 0, for 15 min  |
      | pre-deploy         | pre-alert-reads     | write_only |       |            | context_failures_per_s | at most 5, for 5 min   |
      | staging-write-only | soak-downgrades     | write_only |       | 48 to 48   | downgrades             | at most 0              |
      | staging-write-only | soak-writes         | write_only |       | 48 to 48   | write_success_rate     | above 0.99             |
      | staging-write-only | soak-breaker        | write_only |       | 48 to 48   | circuit_opens          | at most 0              |
      | staging-read-write | rw-preconditions    | read_write |       |            | downgrades             | at most 0              |
      | staging-read-write | rw-preconditions    | read_write |       |            | write_success_rate     | above 0.99             |
      | staging-read-write | rw-preconditions    | read_write |       |            | circuit_opens          | at most 0              |
      | canary             | canary-downgrades   | read_write | 0.1   | 72 to 120  | downgrades             | at most 0              |
      | canary             | canary-read-p95     | read_write | 0.1   | 72 to 120  | read_p95_ms            | below 250              |
      | canary             | canary-ttfb         | read_write | 0.1   | 72 to 120  | ttfb_p95_delta_ms      | below 100              |
      | canary             | canary-errors       | read_write | 0.1   | 72 to 120  | error_rate_ratio       | below 1.1              |
      | canary             | canary-cache        | read_write | 0.1   | 72 to 120  | cache_hit_rate         | above 0.3              |
      | full               | full-downgrades     | read_write | 1     | 24 to 24   | downgrades             | at most 0              |
      | full               | full-errors         | read_write | 1     | 24 to 24   | error_rate_ratio       | at most 1              |
      | full               | full-performance    | read_write | 1     | 24 to 24   | read_p95_ms            | below 250              |
      | full               | full-performance    | read_write | 1     | 24 to 24   | ttfb_p95_delta_ms      | below 100              |
      | full               | full-performance    | read_write | 1     | 24 to 24   | cache_hit_rate         | above 0.3              |
      | rollback           | rollback-ttfb       | read_write |       |            | ttfb_p95_delta_ms      | at most 200            |
      | rollback           | rollback-breaker    | read_write |       |            | breaker_open_share     | at most 0.05, for 10 min |
      | rollback           | rollback-errors     | read_write |       |            | error_rate_ratio       | at most 2              |
      | rollback           | downgrade-latency   | read_write |       |            | read_p95_ms            | at most 300, for 15 min |
      | rollback           | downgrade-failures  | read_write |       |            | context_failure_rate   | at most 0.1, for 10 min |
      | week-1             | week1-downgrades    | read_write | 1     | 168 to 168 | downgrades             | at most 0              |
      | week-1             | week1-read-p95      | read_write | 1     | 168 to 168 | read_p95_ms            | below 250              |
      | week-1             | week1-ttfb          | read_write | 1     | 168 to 168 | ttfb_p95_delta_ms      | below 50               |
      | month-1            | month1-probes       | read_write | 1     | 720 to 744 | probe_success_rate     | above 0.9              |
      | month-1            | month1-cache        | read_write | 1     | 720 to 744 | cache_hit_rate         | above 0.4              |
