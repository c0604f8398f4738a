"""Sensors and what they read: SensorThings, MQTT, thresholds, last readings, parking."""
