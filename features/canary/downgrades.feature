@long
Feature: Canary, downgrades
  Five days with reads. Zep is slow and fails for a while once; nothing else may downgrade.

  @canary-downgrades
  Scenario: no downgrade in any hour in which Zep was healthy
    Given zepguard soak canary has run for 120 h of virtual time
    And Zep had brownout in zepguard soak canary
    Then Prometheus finds canary-downgrades met
