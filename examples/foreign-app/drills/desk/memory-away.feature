Feature: The help desk while its memory is away
  People are answered, whatever Zep does, and nobody waits for it for long.

  Background:
    Given the memory service runs in read_write

  @nightly
  Scenario: the desk knows its people
    When "where is my order" is sent to thread "desk-1"
    Then every message is answered
    And the desk remembers the person in the last answer

  @drill5-third
  Scenario: the third question in a row without an answer from Zep is the last that waits
    Given traffic to Zep is blocked
    When 4 messages "where is my order" are sent to thread "desk-1", 2 s apart
    Then every message is answered
    And the desk remembers nobody in the last answer
    And zep_mode --status shows "Effective mode: write_only"
    And memory_zep_downgrades_total{reason="consecutive_failures"} has risen by 1
    And memory_zep_read_requests_total has risen by 3

  Scenario: once Zep is back and the hold is over, the next question brings memory back
    Given traffic to Zep is blocked
    When 3 messages "where is my order" are sent to thread "desk-1", 2 s apart
    Then zep_mode --status shows "Forced mode: write_only (reason=consecutive_failures, remaining=~300s)"
    When traffic to Zep is restored
    And 300 s pass
    And "any news" is sent to thread "desk-1"
    Then the desk remembers the person in the last answer
    And zep_mode --status shows "Forced mode: None"
    And memory_zep_restores_total has risen by 1
