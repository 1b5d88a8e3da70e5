"""The HTTP side: requests in, answers out. Knows no server and no client library."""
