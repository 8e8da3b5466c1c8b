@not-staging
Feature: Reads that end after a change of mode
  A read belongs to the mode in which it began: what it reports after a hold, a downgrade or a restore changes nothing.

  Background:
    Given the memory service runs in read_write
    And ZEP_TIMEOUT_MS is set to "25000" and celery_chat_worker is restarted

  @drill5-third
  Scenario: a read that fails after the mode was restored counts no failure
    When Zep answers the next read 60 s late
    And a read of thread "late-drill" is under way
    And an operator runs zep_mode --force manual --ttl 600
    And an operator runs zep_mode --clear
    And the read under way ends as failed
    Then zep_mode --status shows "Failures: 0/3"
    And zep_mode --status shows "Forced mode: None"
    And memory_zep_downgrades_total has not risen for any reason

  @drill5-third
  Scenario: a read that succeeds after the mode was restored resets no count
    When Zep answers the next read 20 s late
    And a read of thread "late-drill" is under way
    And an operator runs zep_mode --force manual --ttl 600
    And an operator runs zep_mode --clear
    And Zep answers reads with 503
    And 2 messages "test" are sent to thread "failing-drill", 2 s apart
    And the read under way ends as empty
    Then zep_mode --status shows "Failures: 2/3"
    When 2 s pass
    And "the third" is sent to thread "failing-drill"
    Then write_only is forced for 300 s, reason consecutive_failures

  @drill4-counter
  Scenario: a 401 that comes after an operator's hold began is no downgrade, and does not change the hold
    When Zep answers the next read 15 s late
    And ZEP_API_KEY is set to "bad_key_xyz" and celery_chat_worker is restarted
    And a read of thread "late-drill" is under way
    And an operator runs zep_mode --force manual --ttl 60
    And the read under way ends as failed
    Then write_only is forced for 60 s, reason manual
    And memory_zep_downgrades_total has not risen for any reason

  @drill6-rehold
  Scenario: a probe that succeeds after an operator forced anew restores nothing
    When an operator runs zep_mode --force manual --ttl 5
    And 6 s pass
    And Zep answers the next read 15 s late
    And a read of thread "late-drill" is under way
    And an operator runs zep_mode --force rollback --ttl 900
    And the read under way ends as empty
    Then write_only is forced for 900 s, reason rollback
    And memory_zep_restores_total has not risen

  @drill6-counter
  Scenario: a probe that fails after an operator cleared the mode downgrades nothing
    When an operator runs zep_mode --force manual --ttl 5
    And 6 s pass
    And Zep answers the next read 60 s late
    And a read of thread "late-drill" is under way
    And an operator runs zep_mode --clear
    And the read under way ends as failed
    Then zep_mode --status shows "Forced mode: None"
    And zep_mode --status shows "Failures: 0/3"
    And memory_zep_downgrades_total has not risen for any reason

  @ops-invalidate @sim-only
  Scenario: a read that is under way while an operator drops the context puts none back
    When "I live in Girne" is sent to thread "late-drill"
    Then within 60 s Zep holds all messages of thread "late-drill", each once and in order
    When "first question" is sent to thread "late-drill"
    And 61 s pass
    And Zep answers the next read 15 s late
    And a read of thread "late-drill" is under way
    And an operator invalidates thread "late-drill"
    And the read under way ends as fresh
    And "second question" is sent to thread "late-drill"
    Then 4 reads of thread "late-drill" have reached Zep
