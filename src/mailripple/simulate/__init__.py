"""Made-up logs in real syntax, by generators that know the truth about what they wrote."""
