"""What a person does about what is left: runs anew, verdicts anew, dead letters given back. Harmless to repeat."""
