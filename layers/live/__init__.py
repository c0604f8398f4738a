"""What happens now: cameras and what they see, sensors and what they read, events and who answers for them."""
