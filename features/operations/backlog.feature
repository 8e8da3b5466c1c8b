Feature: A backlog
  What was accepted while memory was off waits, is told of, and goes to Zep in calls as large as Zep takes.

  @roles-idempotency @sim-only
  Scenario: 20 turns of one thread go in calls of at most 30 messages, and none is refused
    Given the memory service runs in write_only
    And ZEP_ENABLED is set to "false" and celery_chat_worker is restarted
    When 20 messages "while off" are sent to thread "backlog-drill", 1 s apart
    Then memory_outbox_depth is 40
    And memory_outbox_oldest_age_seconds is 19 to 40
    When the former ZEP_ENABLED is set again and celery_chat_worker is restarted
    Then within 60 s Zep holds all messages of thread "backlog-drill", each once and in order
    And memory_zep_write_failures_total has not risen
    And memory_outbox_delivered_total has risen by 40
    And memory_outbox_depth is 0
    And memory_outbox_oldest_age_seconds is 0

  @week1-pii @sim-only
  Scenario: what was delivered as long ago as it is to be kept is in the outbox no more
    Given the memory service runs in write_only
    When ZEPGUARD_OUTBOX_KEEP_S is set to "60"
    And celery_chat_worker is restarted
    And "said yesterday" is sent to thread "backlog-drill"
    Then within 60 s Zep holds all messages of thread "backlog-drill", each once and in order
    When 61 s pass
    And "said today" is sent to thread "backlog-drill"
    Then "said yesterday" is not in the outbox
    And within 60 s Zep holds all messages of thread "backlog-drill", each once and in order
