@long
Feature: Month 1
  Thirty days with reads, and six incidents of Zep.

  Background:
    Given zepguard soak month has run for 720 h of virtual time
    And Zep had brownout, outage, key rotation, brownout, outage and brownout in zepguard soak month

  @month1-downgrades
  Scenario: each outage is handled by a downgrade, and tracked in metrics and log
    Then Prometheus finds month1-downgrades met

  @month1-probes
  Scenario: more than 90 % of the probes sent while Zep was healthy restore
    Then Prometheus finds month1-probes met

  @month1-cache
  Scenario: more than 40 % of the contexts come from the cache in multi-turn chats
    Then Prometheus finds month1-cache met
