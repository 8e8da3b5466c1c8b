Feature: Downgrade triggers
  Reads that are slow, or fail, for minutes on end downgrade by themselves, although no three of them fail in a row.
  The bounds are the checklist's: p95 over 300 ms for 15 min, over 10 % failed for 10 min, at least 50 reads.

  Background:
    Given the memory service runs in read_write

  @downgrade-latency
  Scenario: p95 read latency over 300 ms for 15 min downgrades, and 14 min do not
    When Zep answers 400 ms late
    And for 14 min a message is sent every 15 s, each to a thread of its own
    Then zep_mode --status shows "Forced mode: None"
    When for 2 min a message is sent every 15 s, each to a thread of its own
    Then zep_mode --status shows "Forced mode: write_only (reason=read_latency, remaining=~300s)"
    And memory_zep_downgrades_total{reason="read_latency"} has risen by 1
    And memory_zep_context_failures_total has not risen
    And every message is answered

  @downgrade-latency
  Scenario: a slow spell of 12 min is no trend
    When for 10 min a message is sent every 15 s, each to a thread of its own
    And Zep answers 400 ms late
    And for 12 min a message is sent every 15 s, each to a thread of its own
    And Zep answers as before
    And for 10 min a message is sent every 15 s, each to a thread of its own
    Then zep_mode --status shows "Forced mode: None"
    And memory_zep_downgrades_total has not risen for any reason

  @downgrade-latency
  Scenario: p95 under 300 ms for 16 min does not downgrade
    When Zep answers 250 ms late
    And for 16 min a message is sent every 15 s, each to a thread of its own
    Then zep_mode --status shows "Forced mode: None"
    And memory_zep_downgrades_total has not risen for any reason

  @downgrade-latency
  Scenario: 40 slow reads in 15 min are too few
    When Zep answers 400 ms late
    And for 16 min a message is sent every 24 s, each to a thread of its own
    Then zep_mode --status shows "Forced mode: None"
    And memory_zep_downgrades_total has not risen for any reason

  @downgrade-failures
  Scenario: over 10 % failed reads for 10 min downgrade, and 9 min do not
    When for 9 min a message is sent every 10 s, each to a thread of its own, and Zep answers each 7th read with 503
    Then zep_mode --status shows "Forced mode: None"
    When for 2 min a message is sent every 10 s, each to a thread of its own, and Zep answers each 7th read with 503
    Then zep_mode --status shows "Forced mode: write_only (reason=failure_rate, remaining=~300s)"
    And memory_zep_downgrades_total{reason="failure_rate"} has risen by 1
    And memory_zep_downgrades_total{reason="consecutive_failures"} has not risen
    And every message is answered

  @downgrade-failures
  Scenario: 9 % failed reads for 12 min do not downgrade
    When for 12 min a message is sent every 10 s, each to a thread of its own, and Zep answers each 11th read with 503
    Then zep_mode --status shows "Forced mode: None"
    And memory_zep_downgrades_total has not risen for any reason

  @downgrade-failures
  Scenario: 40 reads in 10 min are too few, however many fail
    When for 12 min a message is sent every 15 s, each to a thread of its own, and Zep answers each 3rd read with 503
    Then zep_mode --status shows "Forced mode: None"
    And memory_zep_downgrades_total has not risen for any reason

  @downgrade-failures
  Scenario: what failed before a restore does not count after it
    When for 11 min a message is sent every 10 s, each to a thread of its own, and Zep answers each 7th read with 503
    Then zep_mode --status shows "Forced mode: write_only (reason=failure_rate, remaining=~300s)"
    When 300 s pass
    And "probe" is sent to thread "trend-drill"
    Then zep_mode --status shows "Effective mode: read_write"
    When for 8 min a message is sent every 10 s, each to a thread of its own, and Zep answers each 7th read with 503
    Then zep_mode --status shows "Effective mode: read_write"
    And memory_zep_downgrades_total{reason="failure_rate"} has risen by 1
