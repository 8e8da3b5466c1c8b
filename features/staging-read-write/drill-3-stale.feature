Feature: Drill 3, negative cache
  While Zep does not answer, a context that was kept serves, but for no longer than ten minutes.

  @drill3-negative-cache @sim-only
  Scenario: a kept context serves five minutes into an outage, and not ten
    Given the memory service runs in read_write
    When "I live in Girne" is sent to thread "test-stale"
    Then within 60 s Zep holds all messages of thread "test-stale", each once and in order
    When "first question" is sent to thread "test-stale"
    Then the last answer has "I live in Girne"
    When Zep refuses connections
    And 300 s pass
    And "second question" is sent to thread "test-stale"
    Then the last answer has "I live in Girne"
    And memory_zep_context_cache_hits_total has risen by 1
    When 301 s pass
    And "third question" is sent to thread "test-stale"
    Then the last answer has "(no memory)"
    And every message is answered
