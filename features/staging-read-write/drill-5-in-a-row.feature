Feature: Drill 5, consecutive failures
  Only failures in a row count. An answer in between begins the count anew, and that Zep does not know a thread yet is
  an answer.

  Background:
    Given the memory service runs in read_write

  @drill5-third
  Scenario: a good read between four failed ones keeps the mode
    When traffic to Zep is blocked
    And "first" is sent to thread "row-1"
    And "second" is sent to thread "row-2"
    Then zep_mode --status shows "Failures: 2/3"
    When traffic to Zep is restored
    And "third" is sent to thread "row-3"
    Then zep_mode --status shows "Failures: 0/3"
    When traffic to Zep is blocked
    And "fourth" is sent to thread "row-4"
    And "fifth" is sent to thread "row-5"
    Then zep_mode --status shows "Failures: 2/3"
    And zep_mode --status shows "Forced mode: None"
    And memory_zep_downgrades_total has not risen for any reason

  @drill5-third
  Scenario: threads that Zep does not know yet are no failures
    When "first" is sent to thread "new-1"
    And "second" is sent to thread "new-2"
    And "third" is sent to thread "new-3"
    Then zep_mode --status shows "Failures: 0/3"
    And zep_mode --status shows "Forced mode: None"
    And memory_zep_context_failures_total has not risen
    And memory_zep_read_requests_total has risen by 3

  @drill5-third
  Scenario: where two workers must have failed, one alone downgrades nobody
    When ZEP_FAILURE_WITNESSES is set to "2"
    And celery_chat_worker is restarted
    And traffic to Zep is blocked
    And 3 messages "test timeout" are sent to thread "row-1", 2 s apart
    Then zep_mode --status shows "Failures: 3/3"
    And zep_mode --status shows "Forced mode: None"
    And memory_zep_downgrades_total has not risen for any reason
    And every message is answered

  @drill5-third
  Scenario: where two workers must have failed, the failure of the second downgrades
    When ZEP_FAILURE_WITNESSES is set to "2"
    And celery_chat_worker is restarted
    And traffic to Zep is blocked
    And 3 messages "test timeout" are sent to thread "row-1", 2 s apart
    Then zep_mode --status shows "Forced mode: None"
    When celery_chat_worker is restarted
    And "met by another worker" is sent to thread "row-2"
    Then write_only is forced for 300 s, reason consecutive_failures
    And memory_zep_downgrades_total{reason="consecutive_failures"} has risen by 1

  @drill4-immediate
  Scenario: where two workers must have failed, an auth failure of one downgrades all the same
    When ZEP_FAILURE_WITNESSES is set to "2"
    And celery_chat_worker is restarted
    And Zep answers reads with 403
    And "refused" is sent to thread "row-1"
    Then write_only is forced for 300 s, reason auth

  @drill5-third @not-staging
  Scenario: ZEPGUARD_FAILURE_THRESHOLD says how many in a row downgrade
    When ZEPGUARD_FAILURE_THRESHOLD is set to "5"
    And celery_chat_worker is restarted
    And traffic to Zep is blocked
    And 4 messages "test timeout" are sent to thread "row-1", 2 s apart
    Then zep_mode --status shows "Failures: 4/5"
    And zep_mode --status shows "Forced mode: None"
    When 2 s pass
    And "test timeout 5" is sent to thread "row-1"
    Then write_only is forced for 300 s, reason consecutive_failures
