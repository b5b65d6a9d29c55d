"""Lakegate: an event-driven medallion lakehouse. See docs/architecture.md for the flow and the words."""
