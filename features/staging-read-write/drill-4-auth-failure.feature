Feature: Drill 4, auth failure
  Zep refuses the key. The first refusal downgrades the whole fleet to write_only; after the key is right again
  and the hold is over, the next message probes and restores read_write.

  Background:
    Given the memory service runs in read_write
    And ZEP_API_KEY is set to "bad_key_xyz" and celery_chat_worker is restarted

  @drill4-immediate
  Scenario: an auth failure downgrades at once
    When "need a 2 bedroom in Girne" is sent to thread "test-auth-drill"
    Then every message is answered
    And zep_mode --status shows "Forced mode: write_only (reason=auth, remaining=~300s)"
    And zep_mode --status shows "Effective mode: write_only"

  @drill4-counter
  Scenario: the downgrade is counted exactly once
    When 3 messages "need a 2 bedroom in Girne" are sent to thread "test-auth-drill", 0 s apart
    Then memory_zep_downgrades_total{reason="auth"} has risen by 1

  @drill4-gauge
  Scenario: the mode gauge shows write_only
    When "need a 2 bedroom in Girne" is sent to thread "test-auth-drill"
    Then memory_mode_gauge{mode="write_only"} is 1
    And memory_mode_gauge{mode="read_write"} is 0

  @drill4-restore
  Scenario: key restored and the hold over, the next message restores read_write
    When "need a 2 bedroom in Girne" is sent to thread "test-auth-drill"
    And the former ZEP_API_KEY is set again and celery_chat_worker is restarted
    And 300 s pass
    Then zep_mode --status shows "Forced mode: write_only (reason=auth, remaining=~0s)"
    And memory_mode_gauge{mode="write_only"} is 1
    When "show me more" is sent to thread "test-auth-drill"
    Then zep_mode --status shows "Forced mode: None"
    And zep_mode --status shows "Effective mode: read_write"
    And memory_zep_restores_total has risen by 1
    And memory_mode_gauge{mode="read_write"} is 1
    And memory_mode_gauge{mode="write_only"} is 0

  @drill4-restore
  Scenario: key still wrong when the hold is over, the probe holds for another 300 s
    When "need a 2 bedroom in Girne" is sent to thread "test-auth-drill"
    And 300 s pass
    And "show me more" is sent to thread "test-auth-drill"
    Then write_only is forced for 300 s, reason probe_failed
    And memory_zep_downgrades_total{reason="probe_failed"} has risen by 1
    And memory_zep_probes_total{result="failed"} has risen by 1
    And every message is answered

  @drill4-logs
  Scenario: downgrade and restore are logged
    When "need a 2 bedroom in Girne" is sent to thread "test-auth-drill"
    Then the log shows zep_auth_failure_auto_downgrade once
    And the log shows memory_mode_forced once
    And the log shows memory_mode_forced with by guard
    When the former ZEP_API_KEY is set again and celery_chat_worker is restarted
    And 300 s pass
    And "show me more" is sent to thread "test-auth-drill"
    Then the log shows memory_mode_restored once
