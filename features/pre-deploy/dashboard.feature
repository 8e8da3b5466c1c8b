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
      | Oldest Undelivered Message | waits under 240 s | |
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
  Scenario: the numbers that colour panels and decide stages are the checklist's
    Then the checklist's numbers decide:
      | item               | expression         | over         | good   | bad    | baseline |
      | soak-downgrades    | downgrades         | 48h          | 0      | 1      |          |
      | soak-writes        | write_success      | 1h           | 0.991  | 0.99   |          |
      | soak-breaker       | breaker_opens      | 48h          | 0      | 1      |          |
      | canary-downgrades  | downgrades         | 1h           | 0      | 1      |          |
      | canary-read-p95    | read_p95           | 5m           | 0.249  | 0.25   |          |
      | canary-ttfb        | ttfb_p95           | 5m           | 0.399  | 0.4    | 0.3      |
      | canary-errors      | error_ratio        | 5m           | 0.0109 | 0.0111 | 0.01     |
      | canary-cache       | cache_hits         | 5m           | 0.301  | 0.3    |          |
      | full-downgrades    | downgrades         | 24h          | 0      | 1      |          |
      | rollback-ttfb      | ttfb_p95           | 5m           | 0.5    | 0.501  | 0.3      |
      | rollback-breaker   | breaker_open_ratio | 10m          | 0.05   | 0.051  |          |
      | rollback-errors    | error_ratio        | 5m           | 0.02   | 0.021  | 0.01     |
      | downgrade-latency  | read_p95           | 5m, for 15m  | 0.3    | 0.301  |          |
      | downgrade-failures | read_failure_ratio | 10m          | 0.1    | 0.101  |          |
      | week1-read-p95     | read_p95           | 1d           | 0.249  | 0.25   |          |
      | week1-ttfb         | ttfb_p95           | 5m           | 0.349  | 0.35   | 0.3      |
      | month1-probes      | probe_success      | 30d          | 0.91   | 0.9    |          |
      | month1-cache       | cache_hits         | 1h           | 0.41   | 0.4    |          |
