"""What alya_ask knows: documentation, tools, the policy in force, and the caller's usage."""
