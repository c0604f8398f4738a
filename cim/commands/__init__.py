"""The commands of the lowest package; upper packages bring their own."""
