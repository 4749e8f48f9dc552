"""Secrets from variables of the environment."""
