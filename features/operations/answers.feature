@sim-only
Feature: What the app answers
  Whoever chats gets the whole reply, at once or in pieces, whatever memory does; and nobody gets another's thread.

  Background:
    Given the memory service runs in read_write

  @drill2-no-crash
  Scenario: the reply comes whole, as JSON and as a stream, while reads fail
    Given Zep answers reads with 429 and Retry-After 60 s
    Then the app answers:
      | who | sends       | thread | as     | status | says             | memory             |
      | ann | hello there | one    | JSON   | 200    | You wrote: hello | failed, not used   |
      | ann | hello there | one    | JSON   | 200    | You wrote: hello | negative, not used |
      | ann | hello there | two    | stream | 200    | You wrote: hello | failed, not used   |

  @roles-idempotency
  Scenario: a thread is its first writer's alone, and no token but a good one opens it
    Then the app answers:
      | who                   | sends           | thread | as     | status | says                                         | memory          |
      | ann                   | I have two dogs | one    | JSON   | 200    | You wrote: I have two dogs                   | empty, not used |
      | bob                   | hello           | one    | JSON   | 404    | There is no such thread.                     |                 |
      | bob                   | hello           | one    | stream | 404    | There is no such thread.                     |                 |
      | nobody                | hello           | one    | JSON   | 401    | A token is missing.                          |                 |
      | ann with an old token | hello           | one    | JSON   | 401    | The token was refused: the token has expired |                 |
      | ann                   | 4097 characters | one    | JSON   | 400    | The message has 4097 characters.             |                 |
      | ann                   | 1100000 characters | one | JSON   | 413    | The body is too long.                        |                 |
      | ann with a forged token | hello         | one    | JSON   | 401    | The token was refused: the token is not valid | |
      | ann with an endless token | hello       | one    | JSON   | 401    | The token was refused: the token is not valid | |
      | ann                   |                 | one    | JSON   | 400    | The message is empty.                        |                 |
      | ann                   | hello           | a/b    | JSON   | 400    | The thread                                   |                 |
      | ann                   | 4096 characters | two    | JSON   | 200    | You wrote: xxx                               | empty, not used |
    And chat_turns_total has risen by 2
    And error_rate_total has not risen
    And the app answers:
      | who | sends  | thread | as     | status | says              | memory                    |
      | ann | where? | one    | stream | 200    | You wrote: where? | fresh, used in read_write |
    When an operator runs zep_mode --force rollback --ttl 900
    Then the app answers:
      | who | sends  | thread | as   | status | says              | memory                          |
      | ann | where? | one    | JSON | 200    | You wrote: where? | skipped, not used in write_only |

  @ops-metrics
  Scenario: GET /api/metrics/ serves what the outbox holds
    When 2 messages "hello" are sent to thread "outbox-drill", 2 s apart
    Then the metrics have memory_outbox_depth, memory_outbox_oldest_age_seconds and memory_outbox_dead_letters
    And within 60 s Zep holds all messages of thread "outbox-drill", each once and in order
    When 5 s pass
    Then memory_outbox_depth is 0

  @drill2-no-crash
  Scenario: a database that refuses is told to the person, is an error and a turn, and quotes nobody in the log
    When the app's database refuses requests
    Then the app answers:
      | who | sends             | thread | as     | status | says                        | memory |
      | ann | my pet is a gecko | one    | JSON   | 503    | The chat cannot answer now. |        |
      | ann | my pet is a gecko | one    | stream | 503    | The chat cannot answer now. |        |
    And the app's pages answer:
      | asked        | token | set | status | has                           |
      | GET /healthz |       |     | 503    | The database does not answer. |
    And error_rate_total has risen by 2
    And chat_turns_total has risen by 2
    And agent_latency_seconds_count has not risen
    And the log shows turn_failed 2 times
    And "gecko" is not in the log
    When the app's database is whole again
    Then the app's pages answer:
      | asked        | token | set | status | has |
      | GET /healthz |       |     | 200    | ok  |

  @drill2-no-crash
  Scenario: a stream whose reply cannot be committed ends with a word, and is an error
    When the app's database refuses replies
    Then the app answers:
      | who | sends | thread | as         | status | says                        | memory |
      | ann | hello | one    | cut stream | 200    | The answer was cut.         |        |
      | ann | hello | two    | JSON       | 503    | The chat cannot answer now. |        |
    And error_rate_total has risen by 2
    And chat_turns_total has risen by 2
    And agent_latency_seconds_count has risen by 1

  @roles-idempotency
  Scenario: an answer that is lost on its way to the web is told again, and is there once
    When the next answer of celery_chat_worker is lost on its way to the web
    And "hello" is sent to thread "lost-drill"
    Then every message is answered
    And the log shows turn_asked_again once
    And error_rate_total has not risen
    And chat_turns_total has risen by 1
    And within 60 s Zep holds all messages of thread "lost-drill", each once and in order

  @pre-env
  Scenario: a thread outside of CHATAPP_MEMORY_SHARE reads nothing from Zep and leaves nothing there
    When CHATAPP_MEMORY_SHARE is set to "0"
    And celery_chat_worker is restarted
    Then the app answers:
      | who | sends | thread      | as   | status | says             | memory            |
      | ann | hello | share-drill | JSON | 200    | You wrote: hello | skipped, not used |
    And 0 reads of thread "share-drill" have reached Zep
    When CHATAPP_MEMORY_SHARE is set to "1"
    And celery_chat_worker is restarted
    And 5 s pass
    Then within 1 s Zep holds 0 messages of thread "share-drill" and their replies
    And the app answers:
      | who | sends | thread      | as   | status | says             | memory          |
      | ann | hello | share-drill | JSON | 200    | You wrote: hello | empty, not used |
    And within 1 s Zep holds 1 message of thread "share-drill" and its reply

  @ops-metrics
  Scenario: the metrics are for whoever has their token, where one is set, and other doors are shut
    Then the app's pages answer:
      | asked              | token  | set    | status | has                        |
      | GET /api/metrics/  |        |        | 200    | memory_mode_gauge          |
      | GET /api/metrics/  |        | s3cret | 401    | The metrics need a token.  |
      | GET /api/metrics/  | secret | s3cret | 401    | The metrics need a token.  |
      | GET /api/metrics/  | s3cret | s3cret | 200    | memory_mode_gauge          |
      | POST /api/metrics/ | s3cret | s3cret | 405    | POST is not served here.   |
      | GET /api/chat/     |        |        | 405    | GET is not served here.    |
      | GET /api/          |        |        | 404    | There is nothing here.     |
      | GET /healthz       |        |        | 200    | ok                         |

  @ops-metrics
  Scenario: the time to first byte is that of answered turns, each once, from the request to the first token
    Given Zep answers 260 ms late
    Then the app answers:
      | who    | sends | thread | as     | status | says                | memory          |
      | ann    | hello | one    | JSON   | 200    | You wrote: hello    | empty, not used |
      | ann    | hello | two    | stream | 200    | You wrote: hello    | empty, not used |
      | nobody | hello | one    | JSON   | 401    | A token is missing. |                 |
    And agent_latency_seconds_count has risen by 2
    And agent_latency_seconds_bucket{le="0.25"} has not risen
    And agent_latency_seconds_bucket{le="0.3"} has risen by 2
    And chat_turns_total has risen by 2
