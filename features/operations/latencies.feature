Feature: Latencies
  The checklist's bounds, 250 ms for the canary and 300 ms for a downgrade, can be read from what is measured.

  @ops-metrics @sim-only
  Scenario: a read between 250 and 300 ms is counted between the two bounds
    Given the memory service runs in read_write
    When Zep answers 260 ms late
    And "hello" is sent to thread "ops-drill"
    Then every message is answered
    And memory_zep_read_latency_seconds_bucket{le="0.25"} has not risen
    And memory_zep_read_latency_seconds_bucket{le="0.3"} has risen by 1

  @ops-metrics
  Scenario: a read that fails is measured as well as one that does not
    Given the memory service runs in read_write
    And traffic to Zep is blocked
    When "hello" is sent to thread "ops-drill"
    Then every message is answered
    And memory_zep_read_latency_seconds_count has risen by 1
