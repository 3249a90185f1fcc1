"""Figures out of what a run printed: statistics over marker values, and the values stored beside a scenario."""
