"""The only code that controller and node share: specs down, reports up, and their wire form."""
