"""Who may do what: the rule language that operators know (oslo.policy's), Neutron's default rules, and their file."""
