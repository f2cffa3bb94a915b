"""Southbound: specs newer than a revision go out by long poll, reports come in and become status."""
