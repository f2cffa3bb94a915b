"""HTTP: generic CRUD over field tables. It knows nothing about networking."""
