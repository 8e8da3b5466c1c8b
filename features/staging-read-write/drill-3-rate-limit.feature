Feature: Drill 3, negative cache
  Where Zep says how long to stay away, a thread stays away for so long, and not for the negative window alone.

  @drill3-negative-cache @sim-only
  Scenario: a 429 pauses the thread for as long as Zep asks for, and no longer
    Given the memory service runs in read_write
    And Zep answers reads with 429 and Retry-After 60 s
    When "first question" is sent to thread "test-pause"
    And 50 s pass
    And "second question" is sent to thread "test-pause"
    Then 1 read of thread "test-pause" has reached Zep
    And the last 1 message did not wait on Zep
    When 11 s pass
    And "third question" is sent to thread "test-pause"
    Then 2 reads of thread "test-pause" have reached Zep
    And every message is answered

  @drill3-negative-cache @sim-only
  Scenario: a 429 that says when, and not how long, pauses the thread until then
    Given the memory service runs in read_write
    And Zep answers reads with 429 and Retry-After 600 s, as a date
    When "first question" is sent to thread "test-pause"
    And 590 s pass
    And "second question" is sent to thread "test-pause"
    Then 1 read of thread "test-pause" has reached Zep
    And the last 1 message did not wait on Zep
    When 11 s pass
    And "third question" is sent to thread "test-pause"
    Then 2 reads of thread "test-pause" have reached Zep
    And every message is answered

  @drill3-negative-cache @sim-only
  Scenario: a 429 that says nothing pauses the thread for a minute, in which Zep counts requests
    Given the memory service runs in read_write
    And Zep answers reads with 429 and no Retry-After
    When "first question" is sent to thread "test-pause"
    And 50 s pass
    And "second question" is sent to thread "test-pause"
    Then 1 read of thread "test-pause" has reached Zep
    When 11 s pass
    And "third question" is sent to thread "test-pause"
    Then 2 reads of thread "test-pause" have reached Zep
