Feature: A person is forgotten
  One command deletes what the guard keeps of a person, and Zep's own copy, and says so in the log.

  @week1-pii @not-staging
  Scenario: zep_mode --forget-user empties outbox, dead letters, contexts and Zep
    Given the memory service runs in read_write
    When "I live in Lefke" is sent to thread "forget-drill"
    Then within 60 s Zep holds all messages of thread "forget-drill", each once and in order
    When "where do I live" is sent to thread "forget-drill"
    Then the last answer has "I live in Lefke"
    When Zep refuses each message with "You wrote: put aside", status 400
    And "put aside" is sent to thread "letter-drill"
    Then within 60 s thread "letter-drill" has a dead letter, refused: HTTP 400
    When Zep answers as before
    And Zep answers writes with 429
    And "on its way" is sent to thread "waiting-drill"
    And within 30 s memory_outbox_retried_total has risen
    And an operator forgets the person
    And Zep answers as before
    Then thread "letter-drill" has no dead letter
    And "on its way" is not in the outbox
    And "I live in Lefke" is not in the outbox
    And the log shows user_forgotten once
    When "where do I live" is sent to thread "forget-drill"
    Then the last answer has "(no memory)"
    When 120 s pass
    Then "on its way" has not reached Zep
    And "I live in Lefke" has not reached Zep

  @week1-pii @not-staging
  Scenario: what cannot be reached is told, and the command does not end well
    Given the memory service runs in read_write
    When "I live in Lefke" is sent to thread "forget-drill"
    Then within 60 s Zep holds all messages of thread "forget-drill", each once and in order
    When traffic to Zep is blocked
    And an operator forgets the person, and it ends with 1
    And traffic to Zep is restored
    And an operator forgets the person
    Then "I live in Lefke" has not reached Zep
