Feature: Operational commands
  What an operator types at 3 a.m.

  Background:
    Given the memory service runs in read_write

  @ops-status
  Scenario: zep_mode --status shows base, forced and effective mode, failures and workers
    When an operator runs zep_mode --status
    Then the command prints "Base mode (from flags): read_write"
    And the command prints "Forced mode: None"
    And the command prints "Effective mode: read_write"
    And the command prints "Failures: 0/3"
    And the command lists celery_chat_worker with base mode read_write

  @ops-status
  Scenario: a flag that no worker has read yet changes no mode
    When FLAG_ZEP_READ is set to "false"
    And an operator runs zep_mode --status
    Then the command prints "Base mode (from flags): read_write"
    And the command prints "Effective mode: read_write"
    And the command warns of celery_chat_worker with base mode read_write
    And memory_mode_gauge{mode="read_write"} is 1

  @ops-force
  Scenario: zep_mode --force holds write_only, and people chat on without memory
    When an operator runs zep_mode --force rollback --ttl 900
    Then zep_mode --status shows "Forced mode: write_only (reason=rollback, remaining=~900s)"
    And memory_mode_forced_total{reason="rollback"} has risen by 1
    And memory_zep_downgrades_total has not risen for any reason
    And the log shows memory_mode_forced with by operator
    When "is anybody there" is sent to thread "ops-drill"
    Then every message is answered
    And memory_zep_read_requests_total has not risen
    And within 60 s Zep holds all messages of thread "ops-drill", each once and in order

  @ops-status @not-staging
  Scenario: a worker that was killed is on the list no more, and its base mode does not count
    When FLAG_ZEP_READ is set to "false" and celery_chat_worker is restarted
    And FLAG_ZEP_READ is set to "true"
    And celery_chat_worker is killed
    And celery_delivery_worker is killed
    And 8 s pass
    And an operator runs zep_mode --status
    Then the command prints "Base mode (from flags): read_write"
    And the command lists celery_chat_worker with base mode read_write

  @ops-status @not-staging
  Scenario: where one worker has read the new flag and another has not, the lower mode counts
    When FLAG_ZEP_READ is set to "false"
    And celery_chat_worker is killed
    And 8 s pass
    And an operator runs zep_mode --status
    Then the command lists celery_chat_worker with base mode write_only
    And the command lists celery_delivery_worker with base mode read_write
    And the command prints "Base mode (from flags): write_only"
    And memory_mode_gauge{mode="write_only"} is 1

  @ops-force @sim-only
  Scenario: without --ttl a mode is forced for 300 s
    When an operator runs zep_mode --force manual
    Then write_only is forced for 300 s, reason manual

  @ops-force @sim-only
  Scenario: zep_mode --force takes a reason that it knows, 24 h at the most, and no second action
    When an operator runs zep_mode --force tired, and it ends with 2
    And an operator runs zep_mode --force manual --ttl 86401, and it ends with 2
    And an operator runs zep_mode --force manual --ttl 0, and it ends with 2
    And an operator runs zep_mode --force manual --clear, and it ends with 2
    Then zep_mode --status shows "Forced mode: None"
    And memory_mode_forced_total has not risen for any reason
    When an operator runs zep_mode --force manual --ttl 86400
    Then write_only is forced for 86400 s, reason manual

  @ops-force @sim-only
  Scenario: a forced mode uses no context that is kept
    When "I live in Girne" is sent to thread "ops-drill"
    Then within 60 s Zep holds all messages of thread "ops-drill", each once and in order
    When "first question" is sent to thread "ops-drill"
    Then the last answer has "I live in Girne"
    When an operator runs zep_mode --force rollback --ttl 900
    And "second question" is sent to thread "ops-drill"
    Then the last answer has "(no memory)"

  @ops-clear
  Scenario: zep_mode --clear restores the base mode
    When an operator runs zep_mode --force manual --ttl 600
    And an operator runs zep_mode --clear
    Then zep_mode --status shows "Forced mode: None"
    And zep_mode --status shows "Effective mode: read_write"
    And memory_zep_restores_total has not risen
    And the log shows memory_mode_cleared once
    When "hello again" is sent to thread "ops-drill"
    Then every message is answered
    And memory_zep_read_requests_total has risen by 1

  @ops-clear
  Scenario: after --clear the next message reads, whatever the reads before it met
    Given traffic to Zep is blocked
    When 3 messages "test timeout" are sent to thread "ops-drill", 2 s apart
    Then write_only is forced for 300 s, reason consecutive_failures
    When traffic to Zep is restored
    And an operator runs zep_mode --clear
    And "hello again" is sent to thread "ops-drill-2"
    Then memory_zep_read_requests_total has risen by 4
    And every message is answered

  @ops-invalidate
  Scenario: zep_mode --invalidate drops the negative entry of a thread
    Given Zep answers reads with 429 and Retry-After 60 s
    When "first question" is sent to thread "ops-drill"
    And Zep answers as before
    And "second question" is sent to thread "ops-drill"
    Then 1 read of thread "ops-drill" has reached Zep
    And the last 1 message did not wait on Zep
    When an operator invalidates thread "ops-drill"
    And "third question" is sent to thread "ops-drill"
    Then 2 reads of thread "ops-drill" have reached Zep
    And every message is answered

  @ops-invalidate
  Scenario: zep_mode --invalidate drops the cached context of a thread, which is read anew after a minute anyhow
    When "I live in Girne" is sent to thread "ops-drill"
    Then within 60 s Zep holds all messages of thread "ops-drill", each once and in order
    When "first question" is sent to thread "ops-drill"
    And "second question" is sent to thread "ops-drill"
    Then 2 reads of thread "ops-drill" have reached Zep
    And the last answer has "I live in Girne"
    And memory_zep_context_cache_hits_total has risen by 1
    When an operator invalidates thread "ops-drill"
    And "third question" is sent to thread "ops-drill"
    Then 3 reads of thread "ops-drill" have reached Zep
    When 60 s pass
    And "fourth question" is sent to thread "ops-drill"
    Then 4 reads of thread "ops-drill" have reached Zep
    And every message is answered

  @ops-invalidate
  Scenario: zep_mode --invalidate says where there was nothing to drop
    When an operator runs zep_mode --invalidate nobodys-thread
    Then the command prints "Thread nobodys-thread: nothing was known of it"

  @ops-invalidate @sim-only
  Scenario: a context serves for a minute, and not for half of it
    When "I live in Girne" is sent to thread "ops-drill"
    Then within 60 s Zep holds all messages of thread "ops-drill", each once and in order
    When "first question" is sent to thread "ops-drill"
    And 55 s pass
    And "second question" is sent to thread "ops-drill"
    Then 2 reads of thread "ops-drill" have reached Zep
    When 6 s pass
    And "third question" is sent to thread "ops-drill"
    Then 3 reads of thread "ops-drill" have reached Zep

  @ops-invalidate @sim-only
  Scenario: a context that is kept is given to nobody else
    When "I live in Girne" is sent to thread "ops-drill"
    Then within 60 s Zep holds all messages of thread "ops-drill", each once and in order
    When "first question" is sent to thread "ops-drill"
    And "a question elsewhere" is sent to thread "another-drill"
    Then 1 read of thread "another-drill" has reached Zep
    And the guard gives "somebody else" no context of thread "ops-drill" without asking Zep

  @ops-reset
  Scenario: zep_mode --reset-failures sets the failure count to 0
    Given traffic to Zep is blocked
    When 2 messages "test timeout" are sent to thread "ops-drill", 2 s apart
    Then zep_mode --status shows "Failures: 2/3"
    When an operator runs zep_mode --reset-failures
    Then zep_mode --status shows "Failures: 0/3"
    And zep_mode --status shows "Forced mode: None"
    And the log shows memory_failures_reset once
    When 3 messages "test timeout again" are sent to thread "ops-drill-2", 2 s apart
    Then zep_mode --status shows "Forced mode: write_only (reason=consecutive_failures, remaining=~300s)"

  @ops-reset
  Scenario: zep_mode --reset-failures leaves a forced mode as it is
    When an operator runs zep_mode --force manual --ttl 600
    And an operator runs zep_mode --reset-failures
    Then write_only is forced for 600 s, reason manual

  @ops-metrics
  Scenario: GET /api/metrics/ serves mode gauge, downgrades and context failures
    Then the metrics have memory_mode_gauge, memory_zep_downgrades_total and memory_zep_context_failures_total
    And memory_mode_gauge{mode="read_write"} is 1
