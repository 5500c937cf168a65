"""Who is asked what, in which order, on which side: pure functions of what was dealt before and an rng."""
