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
    And the log shows circuit_closed once

  @drill2-no-crash
  Scenario: no process crashes, and no error reaches the person who chats
    Given traffic to Zep is blocked
    When 3 messages "test write" are sent to thread "test-drill", 2 s apart
    And traffic to Zep is restored
    And "test recovery" is sent to thread "test-drill"
    Then every message is answered
    And error_rate_total has not risen
    And no process has crashed

  @drill2-resume
  Scenario: Zep dates what had to wait by when it was said
    Given traffic to Zep is blocked
    When "said early" is sent to thread "test-drill"
    And 300 s pass
    And "said late" is sent to thread "test-drill"
    And traffic to Zep is restored
    Then within 120 s Zep holds "said late" of thread "test-drill" 1 time, dated 300 s or more after "said early"

  @drill2-resume @sim-only
  Scenario: after an outage of 20 min no message waits for much longer than a minute
    Given traffic to Zep is blocked
    When "said early" is sent to thread "test-drill"
    And 1200 s pass
    And traffic to Zep is restored
    Then within 90 s Zep holds all messages of thread "test-drill", each once and in order

  @drill2-graceful @sim-only
  Scenario: Zep asks for a pause, and no circuit opens
    Given Zep answers writes with 429 and Retry-After 60 s
    When "one" is sent to thread "pause-1"
    And "two" is sent to thread "pause-2"
    And "three" is sent to thread "pause-3"
    And "four" is sent to thread "pause-4"
    And 30 s pass
    Then memory_zep_write_failures_total has risen by 4
    And circuit_open_total{component="zep"} has not risen
