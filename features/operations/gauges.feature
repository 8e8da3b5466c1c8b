Feature: Gauges that the alerts go by
  The alert on a service that is stuck asks what the base mode is, and whether an operator holds.

  Background:
    Given the memory service runs in read_write

  @drill4-gauge
  Scenario: a downgrade shows in the mode gauge, and not in that of the base mode
    When Zep answers writes with 401
    And "need a 2 bedroom in Girne" is sent to thread "gauge-drill"
    And within 30 s memory_zep_downgrades_total{reason="auth"} has risen
    Then memory_mode_gauge{mode="write_only"} is 1
    And memory_mode_base_gauge{mode="read_write"} is 1
    And memory_mode_base_gauge{mode="write_only"} is 0
    And memory_mode_operator_hold is 0

  @ops-force
  Scenario: an operator's hold is told as one until it is cleared
    When an operator runs zep_mode --force manual --ttl 600
    Then memory_mode_operator_hold is 1
    And memory_mode_base_gauge{mode="read_write"} is 1
    When an operator runs zep_mode --clear
    Then memory_mode_operator_hold is 0

  @ops-metrics
  Scenario: each turn is counted, and no error where there is none
    When 2 messages "hello" are sent to thread "gauge-drill", 2 s apart
    Then every message is answered
    And chat_turns_total has risen by 2
    And error_rate_total has not risen
