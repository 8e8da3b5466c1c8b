Feature: Drill 5, consecutive failures
  A read that times out is not the only one that fails. Each way of failing counts, and three in a row downgrade.

  @drill5-third
  Scenario: a refused connection, an answer that breaks off and a timeout are three failures in a row
    Given the memory service runs in read_write
    When Zep refuses connections
    And "first" is sent to thread "way-1"
    Then zep_mode --status shows "Failures: 1/3"
    When Zep answers as before
    And Zep's answers break off
    And "second" is sent to thread "way-2"
    Then zep_mode --status shows "Failures: 2/3"
    When Zep answers as before
    And traffic to Zep is blocked
    And "third" is sent to thread "way-3"
    Then zep_mode --status shows "Forced mode: write_only (reason=consecutive_failures, remaining=~300s)"
    And memory_zep_context_failures_total has risen by 3
    And every message is answered

  @drill5-third
  Scenario: a 429 is no failure, Zep works and asks for fewer requests
    Given the memory service runs in read_write
    And Zep answers reads with 429 and Retry-After 60 s
    When "first" is sent to thread "way-1"
    And "second" is sent to thread "way-2"
    And "third" is sent to thread "way-3"
    Then every message is answered
    And memory_zep_read_requests_total has risen by 3
    And memory_zep_context_failures_total has not risen
    And zep_mode --status shows "Failures: 0/3"
    And zep_mode --status shows "Forced mode: None"

  @drill5-third
  Scenario: a 400 is no failure, the request was wrong and Zep is not
    Given the memory service runs in read_write
    When something in Zep's place answers reads with 400
    And "first" is sent to thread "way-1"
    And "second" is sent to thread "way-2"
    And "third" is sent to thread "way-3"
    Then every message is answered
    And memory_zep_read_requests_total has risen by 3
    And zep_mode --status shows "Failures: 0/3"
    And zep_mode --status shows "Forced mode: None"

  @drill5-third
  Scenario: an answer that is none of Zep's is a failure, and no empty memory
    Given the memory service runs in read_write
    When something in Zep's place answers reads
    And "first" is sent to thread "way-1"
    And "second" is sent to thread "way-2"
    Then zep_mode --status shows "Failures: 2/3"
    When Zep answers as before
    And something in Zep's place answers reads with 500
    And "third" is sent to thread "way-3"
    Then zep_mode --status shows "Forced mode: write_only (reason=consecutive_failures, remaining=~300s)"
    And memory_zep_context_failures_total has risen by 3
    And every message is answered

  @drill5-third
  Scenario: reads that fail, and their open breaker, keep no message from Zep
    Given the memory service runs in read_write
    And Zep answers reads with 503
    When "first" is sent to thread "way-1"
    And "second" is sent to thread "way-2"
    And "third" is sent to thread "way-3"
    And "fourth" is sent to thread "way-4"
    Then write_only is forced for 300 s, reason consecutive_failures
    And within 10 s Zep holds all messages of thread "way-4", each once and in order
