Feature: Drill 5, consecutive failures
  Zep does not answer. Three reads in a row that time out downgrade the fleet, two do not; after traffic is
  restored and the hold is over, the next message probes and restores read_write.

  Background:
    Given the memory service runs in read_write
    And traffic to Zep is blocked

  @drill5-third
  Scenario: the third timeout in a row downgrades, the second does not
    When 2 messages "test timeout" are sent to thread "test-timeout-drill", 2 s apart
    Then zep_mode --status shows "Forced mode: None"
    And zep_mode --status shows "Failures: 2/3"
    When 2 s pass
    And "test timeout 3" is sent to thread "test-timeout-drill"
    Then zep_mode --status shows "Forced mode: write_only (reason=consecutive_failures, remaining=~300s)"
    And memory_zep_read_requests_total has risen by 3
    And every message is answered

  @drill5-counter
  Scenario: the downgrade is counted exactly once
    When 4 messages "test timeout" are sent to thread "test-timeout-drill", 2 s apart
    Then memory_zep_downgrades_total{reason="consecutive_failures"} has risen by 1
    And memory_zep_context_failures_total has risen by 3

  @drill5-restore
  Scenario: traffic restored and the hold over, the next message restores read_write
    When 3 messages "test timeout" are sent to thread "test-timeout-drill", 2 s apart
    And traffic to Zep is restored
    And 300 s pass
    And "recovery test" is sent to thread "test-timeout-drill"
    Then zep_mode --status shows "Effective mode: read_write"
    And memory_zep_restores_total has risen by 1

  @drill5-logs
  Scenario: the log shows the failure count reaching 3
    When 3 messages "test timeout" are sent to thread "test-timeout-drill", 2 s apart
    Then the log shows zep_context_failure with consecutive_failures 1, 2 and 3

  @drill5-logs @sim-only
  Scenario: the log shows how long a read was waited for, in milliseconds
    When 2 messages "test timeout" are sent to thread "test-timeout-drill", 2 s apart
    Then the log shows zep_context_failure with latency_ms 1500 and 1500
