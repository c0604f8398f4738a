"""Webhooks: other services are told of events, signed, again and again until they have heard."""
