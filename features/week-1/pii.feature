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

  @week1-pii @not-staging
  Scenario: neither is in the outbox
    Given the memory service runs in read_write
    When "ada@example.com or +90 533 123 45 67" is sent to thread "pii-drill"
    Then within 60 s Zep holds 1 message of thread "pii-drill" and its reply
    And what Zep holds of thread "pii-drill" has the word "EMAIL"
    And "ada@example.com" is not in the outbox
    And "533 123 45 67" is not in the outbox

  @week1-pii
  Scenario: as people write them, with words for the signs, and without a country code
    Given the memory service runs in write_only
    When "ada at example dot com, 0533 123 45 67" is sent to thread "pii-drill"
    And "call +44 7911 123456 or +1 415 555 2671" is sent to thread "pii-drill"
    And "order 4711-0815, 1.250,00 TL, 2026-11-23" is sent to thread "pii-drill"
    And "in one go 05331234567" is sent to thread "pii-drill"
    Then every message is answered
    And memory_pii_redactions_total{kind="email"} has risen by 2
    And memory_pii_redactions_total{kind="phone"} has risen by 8
    And within 60 s Zep holds 4 messages of thread "pii-drill" and their replies
    And "ada at example" has not reached Zep
    And "123 45 67" has not reached Zep
    And "7911 123456" has not reached Zep
    And "555 2671" has not reached Zep
    And "05331234567" has not reached Zep
    And what Zep holds of thread "pii-drill" has the word "4711-0815"
    And what Zep holds of thread "pii-drill" has the word "1.250,00 TL"

  @week1-pii
  Scenario: a thread whose id is an e-mail address is not named by it in the log
    Given the memory service runs in read_write
    And traffic to Zep is blocked
    When "hello" is sent to thread "ada@example.com"
    Then the log shows zep_context_failure once
    And "ada@example" is not in the log
    And every message is answered
