@long
Feature: Full rollout, downgrades
  A day with reads, in which Zep has noise and no incident.

  @full-downgrades
  Scenario: no downgrade in 24 hours
    Given zepguard soak full has run for 24 h of virtual time
    Then Prometheus finds full-downgrades met
