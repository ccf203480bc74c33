"""The pages of the inspector as data: `data(snapshot, query)` of each module returns what its page shows."""
