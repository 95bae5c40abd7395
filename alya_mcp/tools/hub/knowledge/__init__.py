"""What Alya knows of herself: the documentation, the tools, the policy in force and what its caller did."""
