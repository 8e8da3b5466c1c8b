@not-staging
Feature: Drill 5, consecutive failures
  The guard's own store is away. Each worker goes on by what it knew and by its own count: people chat on, the mode may
  fall and never rises, and once the store is back the fleet has what was done alone, counted once.

  Background:
    Given the memory service runs in read_write
    When "hello" is sent to thread "away-0"
    And the guard's store refuses connections

  @drill5-third
  Scenario: alone, the third failure in a row downgrades and the second does not, and nobody probes
    When traffic to Zep is blocked
    And "first" is sent to thread "away-1"
    And "second" is sent to thread "away-2"
    Then memory_guard_store_up is 0
    And memory_guard_local_downgrades_total has not risen
    When "third" is sent to thread "away-3"
    Then memory_guard_local_downgrades_total has risen by 1
    And the log shows memory_mode_forced once
    When "fourth" is sent to thread "away-4"
    Then memory_zep_read_requests_total has risen by 4
    When traffic to Zep is restored
    And 300 s pass
    And "too early, for nobody knows what the others do" is sent to thread "away-5"
    Then memory_zep_read_requests_total has risen by 4
    When the guard's store is back
    And "back" is sent to thread "away-6"
    Then zep_mode --status shows "Effective mode: read_write"
    And memory_zep_read_requests_total has risen by 5
    And memory_zep_downgrades_total{reason="consecutive_failures"} has risen by 1
    And every message is answered

  @drill4-counter @sim-only
  Scenario: an auth failure met alone is the whole fleet's once the store is back, for 300 s, and counted once
    When Zep answers reads with 403
    And "first" is sent to thread "away-1"
    Then memory_guard_local_downgrades_total has risen by 1
    When the guard's store is back
    And "second" is sent to thread "away-2"
    Then zep_mode --status shows "Forced mode: write_only (reason=auth, remaining=~300s)"
    And memory_zep_downgrades_total{reason="auth"} has risen by 1
    And memory_zep_read_requests_total has risen by 2
    And the log shows memory_mode_joined once
    And memory_guard_store_up is 1

  @rollback-force
  Scenario: what an operator has forced holds without the store too
    When 2 s pass
    And "unheard" is sent to thread "away-3"
    And the guard's store is back
    And an operator runs zep_mode --force rollback --ttl 900
    And "seen by the worker" is sent to thread "away-1"
    And the guard's store refuses connections
    And 2 s pass
    And "held" is sent to thread "away-1"
    And 2 s pass
    And "held still" is sent to thread "away-2"
    Then memory_zep_read_requests_total has risen by 2
    And every message is answered

  @ops-status @sim-only
  Scenario: the command says that it cannot know, and the log of each worker says it once a minute
    When 5 messages "hello" are sent to thread "away-1", 5 s apart
    And an operator runs zep_mode --status, and it ends with 5
    And an operator runs zep_mode --force rollback, and it ends with 5
    Then the log shows memory_store_unavailable 2 times
    And every message is answered
