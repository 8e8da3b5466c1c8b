Feature: Dark launch, mode
  After the deployment to staging the memory service writes and does not read.

  @wo-mode
  Scenario: status shows write_only, and nothing forced
    Given the memory service runs in write_only
    When an operator runs zep_mode --status
    Then the command prints "Base mode (from flags): write_only"
    And the command prints "Forced mode: None"
    And the command prints "Effective mode: write_only"
    And memory_mode_gauge{mode="write_only"} is 1
