Feature: Many at once
  So many calls as may be are under way in a process, and no more; who finds somebody at it does not ask again.

  Background:
    Given the memory service runs in read_write

  @drill3-negative-cache @sim-only
  Scenario: no more reads at once than the bulkhead has places, and each place is given back
    When Zep answers 400 ms late
    Then of 40 contexts that are read at once, 32 are asked of Zep
    And memory_zep_bulkhead_rejections_total{operation="read"} has risen by 8
    When an operator runs zep_mode --force manual --ttl 60
    And 65 s pass
    Then of 20 contexts that are read at once, 1 is asked of Zep
    When 65 s pass
    Then of 32 contexts that are read at once, 32 are asked of Zep

  @drill3-negative-cache @sim-only
  Scenario: of many turns that find a stale context one refreshes it
    When "I live in Lapta" is sent to thread "at-once-drill"
    Then within 60 s Zep holds all messages of thread "at-once-drill", each once and in order
    And of 1 contexts of thread "at-once-drill" that are read at once, 1 is asked of Zep
    When 65 s pass
    And Zep answers 400 ms late
    Then of 8 contexts of thread "at-once-drill" that are read at once, 1 is asked of Zep

  @drill2-resume @sim-only
  Scenario: after its 30 s an open breaker lets one write through to see, and not one of each thread
    When traffic to Zep is blocked
    And "one" is sent to thread "trial-1"
    And "two" is sent to thread "trial-2"
    And "three" is sent to thread "trial-3"
    And "four" is sent to thread "trial-4"
    And 120 s pass
    Then circuit_open_total{component="zep"} has risen by 5
    And memory_zep_write_requests_total has risen by 7
    And the log shows circuit_opened 5 times
    And circuit_open_seconds_total{component="zep"} is 60 to 100000
