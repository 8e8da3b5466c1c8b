Feature: Drill 5, consecutive failures
  The hold is 300 s, to its last second: nobody asks Zep meanwhile, and the first message after it does.

  @drill5-restore @sim-only
  Scenario: no probe before the hold is over, and one after it
    Given the memory service runs in read_write
    And traffic to Zep is blocked
    When 3 messages "test timeout" are sent to thread "test-timeout-drill", 2 s apart
    And traffic to Zep is restored
    And 299 s pass
    And "a second too early" is sent to thread "test-timeout-drill"
    Then zep_mode --status shows "Effective mode: write_only"
    And memory_zep_read_requests_total has risen by 3
    When 2 s pass
    And "just in time" is sent to thread "test-timeout-drill"
    Then zep_mode --status shows "Effective mode: read_write"
    And memory_zep_read_requests_total has risen by 4
    And memory_zep_probes_total{result="succeeded"} has risen by 1

  @drill6-counter @sim-only
  Scenario: of many messages after the hold one probes, and the others do not wait on Zep
    Given the memory service runs in read_write
    When an operator runs zep_mode --force manual --ttl 60
    And 65 s pass
    And Zep answers 400 ms late
    Then of 8 contexts that are read at once, 1 is asked of Zep
    And memory_zep_probes_total{result="succeeded"} has risen by 1
    And zep_mode --status shows "Effective mode: read_write"

  @drill5-restore @sim-only
  Scenario: ZEPGUARD_HOLD_S says how long a downgrade holds
    Given the memory service runs in read_write
    When ZEPGUARD_HOLD_S is set to "600"
    And celery_chat_worker is restarted
    And traffic to Zep is blocked
    And 3 messages "test timeout" are sent to thread "test-timeout-drill", 2 s apart
    Then write_only is forced for 600 s, reason consecutive_failures

  @drill6-rehold @not-staging
  Scenario: a worker that dies with the probe keeps the others from probing for a moment, and not for an hour
    Given the memory service runs in read_write
    When an operator runs zep_mode --force manual --ttl 5
    And 6 s pass
    And Zep answers the next read 15 s late
    And a read of thread "lost-probe-drill" is under way
    And the worker of the read under way is killed
    And 6 s pass
    And "the next one" is sent to thread "lost-probe-drill"
    Then zep_mode --status shows "Effective mode: read_write"
    And memory_zep_probes_total{result="succeeded"} has risen by 1
    And memory_zep_probes_total{result="failed"} has not risen
