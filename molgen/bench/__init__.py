"""Speed on this machine: ratios within one run, never a timed test."""
