"""The templates of IIS Manager's "Add Rule(s)"."""
