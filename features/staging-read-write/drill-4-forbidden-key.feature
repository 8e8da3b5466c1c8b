Feature: Drill 4, auth failure
  Zep answers 403 where a wrong key gets 401: the project was closed, or the key lost its rights. It is an
  auth failure all the same. The key here is the right one, so nothing but the 403 can downgrade.

  Background:
    Given the memory service runs in read_write
    And Zep answers 403 to every request

  @drill4-immediate
  Scenario: a forbidden key downgrades at once
    When "need a 2 bedroom in Girne" is sent to thread "test-auth-drill"
    Then every message is answered
    And zep_mode --status shows "Forced mode: write_only (reason=auth, remaining=~300s)"
    And memory_zep_downgrades_total{reason="auth"} has risen by 1
