"""Where the endpoints are."""

from __future__ import annotations

from django.urls import path

from chatapp.web import views

urlpatterns = [
    path(views.CHAT_PATH.removeprefix("/"), views.chat),
    path("api/metrics/", views.scrape),
    path("healthz", views.health),
]
handler400 = views.bad_request
handler404 = views.not_found
handler500 = views.unexpected
