Feature: Drill 4, auth failure
  A write meets the refusal first: the reads were answered from what is at hand, or Zep took the key's right to write.
  In read_write it downgrades as a read's would; it is not sent again and again with a key that is refused.

  @drill4-immediate
  Scenario: a refused write downgrades in read_write
    Given the memory service runs in read_write
    When Zep answers writes with 401
    And "book it for Saturday" is sent to thread "test-auth-drill"
    Then within 30 s memory_zep_downgrades_total{reason="auth"} has risen
    And every message is answered
    And zep_mode --status shows "Forced mode: write_only (reason=auth, remaining=~300s)"
    And memory_zep_downgrades_total{reason="auth"} has risen by 1
    And memory_zep_context_failures_total has not risen
