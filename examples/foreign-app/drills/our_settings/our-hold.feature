Feature: Our hold
  We hold for ten minutes, after two failed reads.

  Background:
    Given the memory service runs in read_write

  Scenario: two failed reads hold for ten minutes
    Given traffic to Zep is blocked
    When 2 messages "hello" are sent to thread "ours", 2 s apart
    Then every message is answered
    And zep_mode --status shows "Forced mode: write_only (reason=consecutive_failures, remaining=~600s)"

  Scenario: after it, the next message restores read_write
    Given traffic to Zep is blocked
    When 2 messages "hello" are sent to thread "ours", 2 s apart
    And traffic to Zep is restored
    And 600 s pass
    And "hello again" is sent to thread "ours"
    Then zep_mode --status shows "Forced mode: None"
