Feature: Writes are stored once
  Whatever happens to a write, it is repeated until Zep has it, and Zep has it once.

  Background:
    Given the memory service runs in write_only
    When "hello" is sent to thread "once-drill"
    Then within 60 s Zep holds all messages of thread "once-drill", each once and in order

  @roles-idempotency
  Scenario: the connection is reset before the request arrives
    When connections to Zep are reset before a request arrives
    And "first" is sent to thread "once-drill"
    And within 30 s memory_zep_write_failures_total has risen
    And traffic to Zep is restored
    And "second" is sent to thread "once-drill"
    Then within 120 s Zep holds all messages of thread "once-drill", each once and in order
    And within 30 s memory_outbox_unknown_total has risen
    And memory_outbox_unknown_total has risen by 2

  @roles-idempotency
  Scenario: Zep stores the messages, and its answer is lost
    When the next write reaches Zep, and its answer is lost
    And "first" is sent to thread "once-drill"
    And within 30 s memory_zep_write_failures_total has risen
    And traffic to Zep is restored
    And "second" is sent to thread "once-drill"
    Then within 120 s Zep holds all messages of thread "once-drill", each once and in order

  @roles-idempotency
  Scenario: Zep answers 503
    When Zep answers writes with 503
    And "first" is sent to thread "once-drill"
    And within 30 s memory_zep_write_failures_total has risen
    And Zep answers as before
    And "second" is sent to thread "once-drill"
    Then within 120 s Zep holds all messages of thread "once-drill", each once and in order

  @roles-idempotency
  Scenario: the answer comes after the deadline
    When Zep answers 2500 ms late
    And "first" is sent to thread "once-drill"
    And within 30 s memory_zep_write_failures_total has risen
    And Zep answers as before
    And "second" is sent to thread "once-drill"
    Then within 120 s Zep holds all messages of thread "once-drill", each once and in order

  @roles-idempotency
  Scenario: the delivery worker is killed between Zep's store and its answer
    When Zep answers 1400 ms late
    And "first" is sent to thread "once-drill"
    And within 10 s Zep holds 2 messages of thread "once-drill" and their replies
    And 1 s pass
    And celery_delivery_worker is killed
    And Zep answers as before
    And "second" is sent to thread "once-drill"
    Then within 120 s Zep holds all messages of thread "once-drill", each once and in order
    And a message of unknown fate was looked up in thread "once-drill"

  @roles-idempotency
  Scenario: something in Zep's place takes the message, and Zep never hears of it
    When something in Zep's place answers writes
    And "first" is sent to thread "once-drill"
    And within 30 s memory_zep_write_failures_total has risen
    And Zep answers as before
    And "second" is sent to thread "once-drill"
    Then within 120 s Zep holds all messages of thread "once-drill", each once and in order

  @roles-idempotency
  Scenario: an error of the server is no refusal of the message
    When something in Zep's place answers writes with 500
    And "first" is sent to thread "once-drill"
    And within 30 s memory_zep_write_failures_total has risen
    And Zep answers as before
    And "second" is sent to thread "once-drill"
    Then within 120 s Zep holds all messages of thread "once-drill", each once and in order
    And memory_outbox_dead_total has not risen

  @roles-idempotency @sim-only
  Scenario: Zep asks for a pause, and no write is sent before it is over
    When Zep answers writes with 429 and Retry-After 60 s
    And "first" is sent to thread "once-drill"
    And 55 s pass
    Then memory_zep_write_failures_total has risen by 1
    When Zep answers as before
    Then within 30 s Zep holds all messages of thread "once-drill", each once and in order

  @roles-idempotency
  Scenario: a message of unknown fate is found among all that went with it
    When ZEP_ENABLED is set to "false" and celery_chat_worker is restarted
    And 8 messages "while off" are sent to thread "once-drill", 0 s apart
    And the next write reaches Zep, and its answer is lost
    And the former ZEP_ENABLED is set again and celery_chat_worker is restarted
    And within 30 s memory_zep_write_failures_total has risen
    And traffic to Zep is restored
    And "second" is sent to thread "once-drill"
    Then within 120 s Zep holds all messages of thread "once-drill", each once and in order
    And a message of unknown fate was looked up in thread "once-drill"
    And memory_outbox_unknown_total has not risen
