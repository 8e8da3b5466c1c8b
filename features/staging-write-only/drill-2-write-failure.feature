Feature: Drill 2, write failure
  Zep cannot be reached while the memory service is in write_only. People chat on, their messages wait
  in the outbox, and each of them is in Zep once, in order, after traffic is restored.

  Background:
    Given the memory service runs in write_only

  @drill2-graceful
  Scenario: blocked writes fail gracefully, and the circuit opens
    Given traffic to Zep is blocked
    When 3 messages "test write" are sent to thread "test-drill", 2 s apart
    Then every message is answered
    And within 30 s memory_zep_write_failures_total has risen
    And within 120 s circuit_open_total{component="zep"} has risen

  @drill2-resume
  Scenario: writes resume after the block, and nothing is lost or doubled
    Given traffic to Zep is blocked
    When 3 messages "test write" are sent to thread "test-drill", 2 s apart
    And within 120 s circuit_open_total{component="zep"} has risen
    And traffic to Zep is restored
    And "test recovery" is sent to thread "test-drill"
    Then within 120 s Zep holds all messages of thread "test-drill", each once and in order

  @drill2-no-crash
  Scenario: no process crashes, and no error reaches the person who chats
    Given traffic to Zep is blocked
    When 3 messages "test write" are sent to thread "test-drill", 2 s apart
    And traffic to Zep is restored
    And "test recovery" is sent to thread "test-drill"
    Then every message is answered
    And error_rate_total has not risen
    And no process has crashed
