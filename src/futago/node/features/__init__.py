"""Pure: specs in, host state out. No I/O."""
