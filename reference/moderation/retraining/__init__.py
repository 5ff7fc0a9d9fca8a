"""Weekly retraining: shadow comparison, gate, versions with promotion and rollback, and a drill with new slang."""
