Feature: Drill 1, auth failure in write_only
  Zep refuses the key while the memory service only writes. Writes fail and wait; there is nothing to downgrade.

  @drill1-auth-write-only
  Scenario: a bad key fails writes, and does not downgrade
    Given the memory service runs in write_only
    And ZEP_API_KEY is set to "bad_key_xyz" and celery_chat_worker is restarted
    When "need a 2 bedroom in Girne" is sent to thread "test-auth-drill"
    Then every message is answered
    And within 30 s memory_zep_write_failures_total has risen
    And zep_mode --status shows "Forced mode: None"
    And zep_mode --status shows "Effective mode: write_only"
    And memory_zep_downgrades_total has not risen for any reason
    When the former ZEP_API_KEY is set again and celery_chat_worker is restarted
    Then within 120 s Zep holds all messages of thread "test-auth-drill", each once and in order
    And memory_outbox_dead_total has not risen
