Feature: Long messages
  The longest message that the app takes is as long as the longest that Zep takes: 4,096 characters.

  @roles-idempotency
  Scenario: a message of 4,096 characters is in Zep as a whole, and once
    Given the memory service runs in write_only
    When a message of 4096 characters is sent to thread "long-drill"
    Then every message is answered
    And within 60 s the parts that Zep holds of thread "long-drill" are the whole message
