"""Runs plans of the OpenID conformance suite by its HTTP API."""
