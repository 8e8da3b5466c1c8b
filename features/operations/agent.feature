Feature: The agent
  What memory knows goes into the reply; and where the agent itself fails, the person is told so, and it is an error.

  Background:
    Given the memory service runs in read_write

  @ops-metrics
  Scenario: a turn whose agent fails ends in an apology, which is an error and a turn, and quotes nobody
    When CHATAPP_AGENT_FAILS is set to "true"
    And celery_chat_worker is restarted
    And "my pet is a gecko" is sent to thread "agent-drill"
    Then every message is answered
    And the last answer has "I am sorry, something went wrong on my side."
    And the log shows agent_failed once
    And "gecko" is not in the log
    And error_rate_total has risen by 1
    And chat_turns_total has risen by 1
    And within 60 s Zep holds all messages of thread "agent-drill", each once and in order
    When CHATAPP_AGENT_FAILS is set to "false"
    And celery_chat_worker is restarted
    And "hello" is sent to thread "agent-drill"
    Then the last answer has "You wrote: hello"
    And error_rate_total has risen by 1
    And chat_turns_total has risen by 2

  @ops-invalidate
  Scenario: the reply has each fact that holds, and none that has ended
    When "I have two dogs" is sent to thread "dogs-drill"
    And "I live in Girne" is sent to thread "facts-drill"
    Then within 60 s Zep holds all messages of thread "dogs-drill", each once and in order
    And within 60 s Zep holds all messages of thread "facts-drill", each once and in order
    When "I no longer live in Girne" is sent to thread "moved-drill"
    Then within 60 s Zep holds all messages of thread "moved-drill", each once and in order
    When "what do you know?" is sent to thread "other-facts-drill"
    And within 60 s Zep holds 1 message of thread "other-facts-drill" and its reply
    And "and now?" is sent to thread "other-facts-drill"
    Then the last answer has "I have two dogs"
    And the last answer has "I no longer live in Girne"
    And the last answer has not "I live in Girne"
    And the last answer has not "20"
