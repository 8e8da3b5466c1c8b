@long
Feature: Dark launch, soak
  For 48 hours the memory service writes and does not read: a message every ten seconds, three in a thousand requests
  to Zep answered with 503, and two deploys.

  Background:
    Given zepguard soak soak has run for 48 h of virtual time

  @soak-downgrades
  Scenario: no spontaneous downgrade
    Then Prometheus finds soak-downgrades met

  @soak-writes
  Scenario: more than 99 % of the writes succeed in every hour
    Then Prometheus finds soak-writes met

  @soak-breaker
  Scenario: no breaker opens
    Then Prometheus finds soak-breaker met

  @soak-dashboard
  Scenario: the dashboard's panels show healthy writes and no reads
    Then Prometheus finds soak-dashboard met
