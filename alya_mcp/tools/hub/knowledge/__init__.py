"""Knowledge of Alya about herself: documentation, tools, the policy in force, and what its caller did."""
