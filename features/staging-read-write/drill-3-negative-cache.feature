Feature: Drill 3, negative cache
  Zep is slower than the deadline. After one read of a thread has timed out, the next turns of that thread do not
  wait on Zep again within the negative window of 1.5 s.

  @drill3-negative-cache
  Scenario: the turns after a timed-out read do not wait on Zep
    Given the memory service runs in read_write
    And ZEP_TIMEOUT_MS is set to "200" and celery_chat_worker is restarted
    And Zep answers 1000 ms late
    When "first question" is sent to thread "test-negative"
    And "second question" is sent to thread "test-negative"
    And "third question" is sent to thread "test-negative"
    Then every message is answered
    And 1 read of thread "test-negative" has reached Zep
    And the last 2 messages did not wait on Zep
    And memory_zep_negative_cache_hits_total has risen by 2
    When 2 s pass
    And "fourth question" is sent to thread "test-negative"
    Then 2 reads of thread "test-negative" have reached Zep

  @drill3-negative-cache
  Scenario: a read whose answer comes byte by byte ends at the deadline too
    Given the memory service runs in read_write
    When Zep's answers come a byte a second
    And "first question" is sent to thread "test-negative"
    Then every message was answered within 10 s
    And memory_zep_context_failures_total has risen by 1
    And the log shows zep_context_failure once

  @drill3-negative-cache @sim-only
  Scenario: a second after a timeout the thread is still not read, and two seconds after it is
    Given the memory service runs in read_write
    And traffic to Zep is blocked
    When "first question" is sent to thread "test-negative"
    And 1 s pass
    And "second question" is sent to thread "test-negative"
    Then memory_zep_read_requests_total has risen by 1
    And the last 1 message did not wait on Zep
    When 1 s pass
    And "third question" is sent to thread "test-negative"
    Then memory_zep_read_requests_total has risen by 2
    And memory_zep_context_failures_total has risen by 2
