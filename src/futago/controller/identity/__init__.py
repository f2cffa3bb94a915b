"""A Keystone-v3-compatible identity service, embedded: who may do what in which project.

Tokens are sealed (Fernet) and say only who, where and until when; users, projects and roles are read from the store at
each request, so that what an administrator takes away is gone at once.
"""
