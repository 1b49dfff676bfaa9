"""What drawn graphs are worth: every metric of the field beside what real graphs score."""
