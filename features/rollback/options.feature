Feature: Rollback
  Three ways back, the fastest first. In each of them people chat on, and nothing that was written is lost.

  Background:
    Given the memory service runs in read_write

  @rollback-flag
  Scenario: option 1, FLAG_ZEP_READ=false and a worker restart end all reads
    When "before the rollback" is sent to thread "rollback-drill"
    Then 1 read of thread "rollback-drill" has reached Zep
    When FLAG_ZEP_READ is set to "false" and celery_chat_worker is restarted
    And 3 messages "after the rollback" are sent to thread "rollback-drill", 2 s apart
    Then every message is answered
    And 1 read of thread "rollback-drill" has reached Zep
    And memory_zep_read_requests_total has risen by 1
    And zep_mode --status shows "Base mode (from flags): write_only"
    And zep_mode --status shows "Forced mode: None"
    And zep_mode --status shows "Effective mode: write_only"
    And memory_mode_gauge{mode="write_only"} is 1
    And within 60 s Zep holds all messages of thread "rollback-drill", each once and in order

  @rollback-force
  Scenario: option 2, --force rollback --ttl 900 holds write_only for 15 min, and the next message restores
    When an operator runs zep_mode --force rollback --ttl 900
    And "early on" is sent to thread "rollback-drill"
    And 300 s pass
    And "five minutes later" is sent to thread "rollback-drill"
    Then memory_zep_read_requests_total has not risen
    And write_only is forced for 900 s, reason rollback
    And memory_mode_gauge{mode="write_only"} is 1
    And every message is answered
    And within 60 s Zep holds all messages of thread "rollback-drill", each once and in order
    When 600 s pass
    Then memory_mode_operator_hold is 0
    When "fifteen minutes later" is sent to thread "rollback-drill"
    Then zep_mode --status shows "Forced mode: None"
    And zep_mode --status shows "Effective mode: read_write"
    And memory_mode_gauge{mode="read_write"} is 1
    And memory_mode_gauge{mode="write_only"} is 0

  @rollback-force @sim-only
  Scenario: option 2, no read and no probe in the last second of the hold
    When an operator runs zep_mode --force rollback --ttl 900
    And 898 s pass
    And "just before the end" is sent to thread "rollback-drill"
    Then zep_mode --status shows "Forced mode: write_only (reason=rollback, remaining=~900s)"
    And memory_zep_read_requests_total has not risen

  @rollback-code
  Scenario: option 3, the release before runs on the state that this one left, and this one again
    When "said to this release" is sent to thread "rollback-drill"
    And an operator runs zep_mode --force rollback --ttl 36000
    And traffic to Zep is blocked
    And "undelivered by this release" is sent to thread "rollback-drill"
    And the release before is put back
    Then zep_mode --status shows "Forced mode: write_only (reason=rollback, remaining=~36000s)"
    When traffic to Zep is restored
    And "said to the release before" is sent to thread "rollback-drill"
    Then every message is answered
    And within 120 s Zep holds all messages of thread "rollback-drill", each once and in order
    When an operator runs zep_mode --clear
    And "read by the release before" is sent to thread "rollback-drill"
    Then zep_mode --status shows "Effective mode: read_write"
    And the last answer has "said to this release"
    When this release is put back
    And "said to this release again" is sent to thread "rollback-drill"
    Then every message is answered
    And zep_mode --status shows "Effective mode: read_write"
    And the last answer has "said to the release before"
    And within 60 s Zep holds all messages of thread "rollback-drill", each once and in order

  @downgrade-manual
  Scenario: --force consecutive_failures --ttl 600 works as an override
    When an operator runs zep_mode --force consecutive_failures --ttl 600
    And "is anybody there" is sent to thread "override-drill"
    Then memory_zep_read_requests_total has not risen
    And write_only is forced for 600 s, reason consecutive_failures
    And memory_mode_forced_total{reason="consecutive_failures"} has risen by 1
    And memory_zep_downgrades_total has not risen for any reason
    And every message is answered
    And within 60 s Zep holds all messages of thread "override-drill", each once and in order
    When 600 s pass
    And "and now" is sent to thread "override-drill"
    Then zep_mode --status shows "Effective mode: read_write"
    And memory_zep_restores_total has risen by 1
