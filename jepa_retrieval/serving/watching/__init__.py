"""Streams that are watched for saved searches, each in a process of its own."""
