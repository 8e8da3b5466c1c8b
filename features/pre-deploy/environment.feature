Feature: Environment variables
  Six variables set the base mode, for a worker that reads them at its start. A value that cannot be is refused by name.

  Background:
    Given the memory service runs in read_write

  @pre-env
  Scenario: the checklist's variables start the service in write_only
    When FLAG_ZEP_WRITE is set to "true"
    And FLAG_ZEP_READ is set to "false"
    And ZEP_ENABLED is set to "true"
    And ZEP_TIMEOUT_MS is set to "1500"
    And celery_chat_worker is restarted
    And an operator runs zep_mode --status
    Then the command prints "Base mode (from flags): write_only"
    And the command prints "Effective mode: write_only"
    And the command lists celery_chat_worker with base mode write_only

  @pre-env
  Scenario: ZEP_ENABLED false switches memory off, whatever the flags say
    When ZEP_ENABLED is set to "false" and celery_chat_worker is restarted
    And "hello" is sent to thread "env-drill"
    And 10 s pass
    Then every message is answered
    And zep_mode --status shows "Base mode (from flags): off"
    And 0 reads of thread "env-drill" have reached Zep
    And within 1 s Zep holds 0 messages of thread "env-drill" and their replies

  @pre-env
  Scenario: Zep is asked where ZEP_BASE_URL says
    When ZEP_BASE_URL is set to "http://127.0.0.1:9" and celery_chat_worker is restarted
    And "hello" is sent to thread "env-drill"
    Then every message is answered
    And zep_mode --status shows "Failures: 1/3"
    And 0 reads of thread "env-drill" have reached Zep

  @pre-env
  Scenario: a value that cannot be is refused by name
    Then FLAG_ZEP_WRITE set to "perhaps" is refused by name
    And FLAG_ZEP_READ set to "perhaps" is refused by name
    And ZEP_ENABLED set to "perhaps" is refused by name
    And ZEP_BASE_URL set to "zep.example" is refused by name
    And ZEP_API_KEY set to "" is refused by name
    And ZEP_TIMEOUT_MS set to "soon" is refused by name
    And celery_chat_worker does not start with ZEP_TIMEOUT_MS set to "soon"
    And celery_chat_worker does not start with FLAG_ZEP_WRITE set to "false"
    And zep_mode --status shows "Base mode (from flags): read_write"
