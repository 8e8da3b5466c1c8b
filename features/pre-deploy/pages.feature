Feature: Who is paged
  A real Prometheus scrapes the app, a real Alertmanager routes its alerts, and an endpoint takes what PagerDuty would.

  Background:
    Given the memory service runs in read_write
    And Prometheus and Alertmanager watch the service

  @pre-alert-downgrade @pre-alert-stuck @stack-only
  Scenario: the first downgrade warns, one that lasts is critical, and the restore resolves both
    When "hello" is sent to thread "pages-drill"
    Then nobody has been paged
    When Zep answers 401 to every request
    And "what do I like?" is sent to thread "pages-drill"
    Then within 3600 s backend-warning is paged for MemoryAutoDowngrade, severity warning, with "Reason: auth. Check Zep health."
    And while people talk in thread "pages-drill", within 7200 s backend-critical is paged for MemoryStuckInDowngrade, severity critical
    When Zep answers as before
    And 300 s pass
    And "show me more" is sent to thread "pages-drill"
    Then zep_mode --status shows "Effective mode: read_write"
    And within 7200 s each page is resolved
