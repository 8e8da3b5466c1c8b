Feature: Reads enabled, mode
  After a clean write-only phase the read flag is flipped and the worker restarted.

  @rw-mode
  Scenario: flag flipped and worker restarted, base and effective mode are read_write
    Given the memory service runs in write_only
    When FLAG_ZEP_READ is set to "true" and celery_chat_worker is restarted
    And an operator runs zep_mode --status
    Then the command prints "Base mode (from flags): read_write"
    And the command prints "Forced mode: None"
    And the command prints "Effective mode: read_write"
