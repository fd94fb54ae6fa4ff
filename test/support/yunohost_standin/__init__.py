"""A stand-in for the `yunohost` 12.1 command line; not a YunoHost. See ../README.md."""
