Feature: Writes that land late
  Zep may do a write after nobody waits for it any more. A write of unknown fate is looked up, and sent again only if it
  has not landed within 30 s; what may then land all the same is counted as unknown.

  Background:
    Given the memory service runs in write_only
    When "hello" is sent to thread "late-drill"
    Then within 60 s Zep holds all messages of thread "late-drill", each once and in order

  @roles-idempotency
  Scenario: a write that Zep does 20 s late is there once, and what was written after it comes after it
    When Zep does the next write 20 s late
    And "first" is sent to thread "late-drill"
    And within 30 s memory_zep_write_failures_total has risen
    And "second" is sent to thread "late-drill"
    Then within 120 s Zep holds all messages of thread "late-drill", each once and in order
    And a message of unknown fate was looked up in thread "late-drill"
    And memory_outbox_unknown_total has not risen

  @roles-idempotency
  Scenario: a write that Zep does ten minutes late is sent again before, there twice after, and counted as unknown
    When Zep does the next write 600 s late
    And "first" is sent to thread "late-drill"
    Then within 120 s Zep holds "first" of thread "late-drill" 1 time
    And within 30 s memory_outbox_unknown_total has risen
    And within 900 s Zep holds "first" of thread "late-drill" 2 times
    And a message of unknown fate was looked up in thread "late-drill"
