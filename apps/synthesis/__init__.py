"""Invented mail, fraudulent and honest, made from scenarios: training data for anyone."""
