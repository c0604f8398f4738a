"""The addresses of the service, one noun a file."""
