Feature: Drill 6, probe failure
  Zep is blocked before a manual hold ends. The message after the hold probes; the probe fails, and the hold begins anew.

  Background:
    Given the memory service runs in read_write
    When an operator runs zep_mode --force manual --ttl 60
    And 2 s pass
    And traffic to Zep is blocked
    And 65 s pass
    And "probe fail test" is sent to thread "test-probe-fail"

  @drill6-rehold
  Scenario: a failed probe holds write_only for the full hold
    Then zep_mode --status shows "Forced mode: write_only (reason=probe_failed, remaining=~300s)"
    And zep_mode --status shows "Effective mode: write_only"
    And every message is answered

  @drill6-counter
  Scenario: the failed probe is counted exactly once
    Then memory_zep_downgrades_total{reason="probe_failed"} has risen by 1
    And memory_zep_probes_total{result="failed"} has risen by 1
    And memory_zep_read_requests_total has risen by 1

  @drill6-clear
  Scenario: a manual clear restores the base mode
    When traffic to Zep is restored
    And an operator runs zep_mode --clear
    Then zep_mode --status shows "Forced mode: None"
    And zep_mode --status shows "Effective mode: read_write"
