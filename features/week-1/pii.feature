Feature: Personal data
  An e-mail address and a phone number that a person writes are counted, and never leave for Zep. The chat app answers
  the message as it was written.

  @week1-pii
  Scenario: e-mail and phone are counted, and neither reaches Zep
    Given the memory service runs in read_write
    When "ada@example.com or +90 533 123 45 67" is sent to thread "pii-drill"
    Then every message is answered
    And the last answer has "ada@example.com"
    And the last answer has "+90 533 123 45 67"
    And memory_pii_redactions_total{kind="email"} has risen by 2
    And memory_pii_redactions_total{kind="phone"} has risen by 2
    And within 60 s Zep holds 1 message of thread "pii-drill" and its reply
    And what Zep holds of thread "pii-drill" has the word "EMAIL"
    And "ada@example.com" has not reached Zep
    And "533 123 45 67" has not reached Zep
    And "ada@example.com" is not in the log
    And "533 123 45 67" is not in the log
    And "ada@example.com" is not in the outbox
    And "533 123 45 67" is not in the outbox
