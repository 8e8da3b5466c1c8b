Feature: An operator's hold
  It lasts as long as the operator said. What Zep does meanwhile, well or badly, neither ends it nor changes its reason.

  Background:
    Given the memory service runs in read_write

  @ops-force
  Scenario: a hold is kept to its end whatever Zep does, and the first message after it restores
    When an operator runs zep_mode --force manual --ttl 1800
    And Zep answers writes with 401
    And "refused" is sent to thread "hold-drill"
    And within 30 s memory_zep_write_failures_total has risen
    And Zep answers as before
    And 400 s pass
    And "while Zep is well" is sent to thread "hold-drill"
    Then within 120 s Zep holds all messages of thread "hold-drill", each once and in order
    And write_only is forced for 1800 s, reason manual
    And memory_zep_read_requests_total has not risen
    And memory_zep_downgrades_total has not risen for any reason
    When 1800 s pass
    And "after the hold" is sent to thread "hold-drill"
    Then zep_mode --status shows "Forced mode: None"
    And memory_zep_probes_total{result="succeeded"} has risen by 1

  @ops-force
  Scenario: a second --force takes the place of the first, although it is shorter
    When an operator runs zep_mode --force rollback --ttl 3600
    And an operator runs zep_mode --force manual --ttl 600
    Then write_only is forced for 600 s, reason manual
    And memory_mode_forced_total{reason="manual"} has risen by 1
    When 600 s pass
    And 1 s pass
    And "after the shorter one" is sent to thread "hold-drill"
    Then zep_mode --status shows "Forced mode: None"
    And zep_mode --status shows "Effective mode: read_write"

  @ops-force
  Scenario: where reads are off by the flags, a hold that is over ends with the next message
    When FLAG_ZEP_READ is set to "false" and celery_chat_worker is restarted
    And an operator runs zep_mode --force rollback --ttl 60
    And 65 s pass
    And "hello" is sent to thread "hold-drill"
    Then zep_mode --status shows "Forced mode: None"
    And zep_mode --status shows "Effective mode: write_only"
    And memory_zep_read_requests_total has not risen

  @rollback-force @not-staging
  Scenario: a store that loses its data is told again what was forced, and what was counted
    When Zep answers reads with 403
    And "refused" is sent to thread "hold-drill"
    And an operator runs zep_mode --force rollback --ttl 900
    And "seen by the worker" is sent to thread "hold-drill"
    And Zep answers as before
    And the guard's store is emptied
    And 2 messages "held" are sent to thread "hold-drill", 2 s apart
    Then write_only is forced for 900 s, reason rollback
    And memory_zep_read_requests_total has risen by 1
    And memory_mode_forced_total{reason="rollback"} has risen by 1
    And memory_zep_downgrades_total{reason="auth"} has risen by 1
    And every message is answered

  @ops-force
  Scenario: where memory is switched off, a forced mode does not switch it on
    When ZEP_ENABLED is set to "false" and celery_chat_worker is restarted
    And an operator runs zep_mode --force rollback --ttl 900
    And "hello" is sent to thread "hold-drill"
    And 5 s pass
    Then zep_mode --status shows "Effective mode: off"
    And memory_mode_gauge{mode="off"} is 1
    And memory_zep_write_requests_total has not risen
