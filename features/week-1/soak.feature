@long
Feature: Week 1
  Seven days with reads. Zep has a brownout, an outage of an hour and a key rotation that the product learns of late.

  Background:
    Given zepguard soak week has run for 168 h of virtual time
    And Zep had brownout, outage and key rotation in zepguard soak week

  @week1-downgrades
  Scenario: every downgrade coincides with an incident that Zep's journal shows
    Then Prometheus finds week1-downgrades met

  @week1-read-p95
  Scenario: p95 of the read latency is under 250 ms on every day
    Then Prometheus finds week1-read-p95 met

  @week1-gauge
  Scenario: the mode gauge matches the flags whenever Zep is healthy
    Then Prometheus finds week1-gauge met
