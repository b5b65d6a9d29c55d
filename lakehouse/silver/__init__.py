"""Silver: Delta tables whose data files the gate wrote. Committing them is metadata alone, slot by slot."""
