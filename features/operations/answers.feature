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
    And the app answers:
      | who | sends  | thread | as     | status | says              | memory      |
      | ann | where? | one    | stream | 200    | You wrote: where? | fresh, used |

  @ops-metrics
  Scenario: GET /api/metrics/ serves what the outbox holds
    When 2 messages "hello" are sent to thread "outbox-drill", 2 s apart
    Then the metrics have memory_outbox_depth, memory_outbox_oldest_age_seconds and memory_outbox_dead_letters
    And within 60 s Zep holds all messages of thread "outbox-drill", each once and in order
    When 5 s pass
    Then memory_outbox_depth is 0
