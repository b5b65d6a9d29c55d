"""A person is forgotten: found in every layer, taken out of bronze, everything made anew, the rest removed, proven."""
