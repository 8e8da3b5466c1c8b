Feature: Drill 6, probe failure
  Zep answers the probe with 429. That is no failure of Zep's, and no reason to ask again before it says so.

  @drill6-rehold @sim-only
  Scenario: a probe that is answered with 429 holds for as long as Zep asks for
    Given the memory service runs in read_write
    And Zep answers reads with 429 and Retry-After 600 s
    When an operator runs zep_mode --force manual --ttl 60
    And 65 s pass
    And "probe" is sent to thread "test-rate-limit"
    Then zep_mode --status shows "Forced mode: write_only (reason=manual, remaining=~600s)"
    And memory_zep_probes_total{result="rate_limited"} has risen by 1
    And memory_zep_downgrades_total has not risen for any reason
    When 500 s pass
    And "too early" is sent to thread "test-rate-limit"
    Then memory_zep_read_requests_total has risen by 1
    And every message is answered

  @drill6-rehold @sim-only
  Scenario: where Zep asks for less than a hold the hold is 5 min all the same, and no longer an operator's
    Given the memory service runs in read_write
    And Zep answers reads with 429 and Retry-After 60 s
    When an operator runs zep_mode --force manual --ttl 30
    And 31 s pass
    And "probe" is sent to thread "test-rate-limit"
    Then zep_mode --status shows "Forced mode: write_only (reason=manual, remaining=~300s)"
    And memory_mode_operator_hold is 0
    When 100 s pass
    And "too early" is sent to thread "test-rate-limit"
    Then memory_zep_read_requests_total has risen by 1
