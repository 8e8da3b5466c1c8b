Feature: Dead letters
  What Zep will never take is put aside with its reason, and the thread goes on; an operator sends it again, or drops it.
  The replies quote 60 characters of a message: a longer one is refused without its reply.

  Background:
    Given the memory service runs in write_only
    When "hello" is sent to thread "letter-drill"
    Then within 60 s Zep holds all messages of thread "letter-drill", each once and in order

  @roles-idempotency
  Scenario: a message that Zep answers with 400 is a dead letter, is sent again, and is there once
    When Zep refuses each message with "unspeakable", status 400
    And "before it" is sent to thread "letter-drill"
    And "a long story of which the last word is not in the quote: unspeakable" is sent to thread "letter-drill"
    And "after it" is sent to thread "letter-drill"
    Then within 60 s Zep holds "before it" of thread "letter-drill" 1 time
    And within 60 s Zep holds "after it" of thread "letter-drill" 1 time
    And within 60 s thread "letter-drill" has a dead letter, refused: HTTP 400
    And memory_outbox_dead_total has risen by 1
    And every message is answered
    When Zep answers as before
    And an operator sends the dead letter of thread "letter-drill" again
    Then within 60 s Zep holds "a long story of which the last word is not in the quote: unspeakable" of thread "letter-drill" 1 time
    And thread "letter-drill" has no dead letter
    And memory_outbox_dead_letters is 0

  @roles-idempotency
  Scenario: a reply that Zep answers with 413 is a dead letter, is dropped, and comes no more
    When Zep refuses each message with "You wrote: the second", status 413
    And "the second" is sent to thread "letter-drill"
    Then within 60 s thread "letter-drill" has a dead letter, refused: HTTP 413
    And within 60 s Zep holds "the second" of thread "letter-drill" 1 time
    When Zep answers as before
    And an operator drops the dead letter of thread "letter-drill"
    And "the third" is sent to thread "letter-drill"
    Then thread "letter-drill" has no dead letter
    And within 60 s Zep holds "the third" of thread "letter-drill" 1 time
    And "You wrote: the second" has not reached Zep
    And memory_outbox_dead_letters is 0

  @roles-idempotency
  Scenario: of the messages of one call only the one that is meant is a dead letter
    When the next write reaches Zep, and its answer is lost
    And "one" is sent to thread "letter-drill"
    And Zep refuses each message with "unspeakable", status 400
    And "two" is sent to thread "letter-drill"
    And "a long story of which the last word is not in the quote: unspeakable" is sent to thread "letter-drill"
    And "three" is sent to thread "letter-drill"
    Then within 120 s thread "letter-drill" has a dead letter, refused: HTTP 400
    And within 60 s Zep holds "three" of thread "letter-drill" 1 time
    And within 10 s Zep holds "two" of thread "letter-drill" 1 time
    And within 10 s Zep holds "one" of thread "letter-drill" 1 time
    And memory_outbox_dead_total has risen by 1
    When Zep answers as before
    And an operator sends the dead letter of thread "letter-drill" again
    Then thread "letter-drill" has no dead letter

  @roles-idempotency
  Scenario: a bad key makes no dead letter
    When Zep answers writes with 401
    And "first" is sent to thread "letter-drill"
    And within 30 s memory_zep_write_failures_total has risen
    And 5 s pass
    Then memory_outbox_dead_total has not risen
    When Zep answers as before
    And "second" is sent to thread "letter-drill"
    Then within 120 s Zep holds all messages of thread "letter-drill", each once and in order

  @roles-idempotency
  Scenario: an outage makes no dead letter
    When Zep answers writes with 503
    And "first" is sent to thread "letter-drill"
    And within 30 s memory_zep_write_failures_total has risen
    And 5 s pass
    Then memory_outbox_dead_total has not risen
    When Zep answers as before
    Then within 120 s Zep holds all messages of thread "letter-drill", each once and in order

  @roles-idempotency
  Scenario: a conflict says nothing against the message, and makes no dead letter
    When Zep refuses each message with "first", status 409
    And "first" is sent to thread "letter-drill"
    And within 30 s memory_outbox_retried_total has risen
    And 5 s pass
    Then memory_outbox_dead_total has not risen
    When Zep answers as before
    Then within 120 s Zep holds all messages of thread "letter-drill", each once and in order

  @roles-idempotency
  Scenario: a 408 is a timeout like any other, and makes no dead letter
    When Zep refuses each message with "first", status 408
    And "first" is sent to thread "letter-drill"
    And within 30 s memory_outbox_retried_total has risen
    And 5 s pass
    Then memory_outbox_dead_total has not risen
    When Zep answers as before
    Then within 120 s Zep holds all messages of thread "letter-drill", each once and in order

  @roles-idempotency
  Scenario: a key that may not write makes no dead letter
    When Zep answers writes with 403
    And "first" is sent to thread "letter-drill"
    And within 30 s memory_zep_write_failures_total has risen
    And 5 s pass
    Then memory_outbox_dead_total has not risen
    When Zep answers as before
    Then within 120 s Zep holds all messages of thread "letter-drill", each once and in order

  @roles-idempotency @sim-only
  Scenario: all dead letters are sent again with one word
    When Zep refuses each message with "unspeakable", status 400
    And "a long story of which the last word is not in the quote: unspeakable" is sent to thread "letter-drill"
    And "another long story of which the last word is not in the quote: unspeakable" is sent to thread "letter-drill-2"
    And within 30 s memory_outbox_dead_total has risen
    And 5 s pass
    Then memory_outbox_dead_letters is 2
    When Zep answers as before
    And an operator runs zep_mode --outbox --resend all
    Then memory_outbox_dead_letters is 0
    And within 60 s Zep holds "another long story of which the last word is not in the quote: unspeakable" of thread "letter-drill-2" 1 time

  @week1-pii @sim-only
  Scenario: a dead letter stays when delivered messages go, and goes after its own time
    When ZEPGUARD_OUTBOX_KEEP_S is set to "60"
    And celery_chat_worker is restarted
    And Zep refuses each message with "You wrote: the second", status 413
    And "the second" is sent to thread "letter-drill"
    Then within 60 s thread "letter-drill" has a dead letter, refused: HTTP 413
    When Zep answers as before
    And 61 s pass
    And "the third" is sent to thread "letter-drill"
    Then within 1 s thread "letter-drill" has a dead letter, refused: HTTP 413
    When ZEPGUARD_OUTBOX_DEAD_KEEP_S is set to "60"
    And celery_chat_worker is restarted
    And 61 s pass
    And "the fourth" is sent to thread "letter-drill"
    Then thread "letter-drill" has no dead letter

  @roles-idempotency @sim-only
  Scenario: what cannot be delivered is tried again after 1 s, 2 s, 4 s and so on, and not with each poll
    When Zep refuses each message with "first", status 409
    And "first" is sent to thread "letter-drill"
    And 60 s pass
    Then memory_zep_write_failures_total has risen by 5 to 8
    When Zep answers as before
    Then within 60 s Zep holds all messages of thread "letter-drill", each once and in order
