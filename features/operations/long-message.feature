Feature: Long messages
  The longest message that the app takes is as long as the longest that Zep takes: 4,096 characters.

  @roles-idempotency
  Scenario: a message of 4,096 characters is in Zep as a whole, and once
    Given the memory service runs in write_only
    When a message of 4096 characters is sent to thread "long-drill"
    Then every message is answered
    And within 60 s the parts that Zep holds of thread "long-drill" are the whole message

  @roles-idempotency
  Scenario: a message that grows beyond what Zep takes, a word for each e-mail address, is there whole in two parts
    Given the memory service runs in write_only
    When a message of 4096 characters, e-mail addresses among them, is sent to thread "long-drill"
    Then every message is answered
    And within 60 s the parts that Zep holds of thread "long-drill" are the whole message
    And memory_outbox_dead_total has not risen
    And memory_zep_write_failures_total has not risen
