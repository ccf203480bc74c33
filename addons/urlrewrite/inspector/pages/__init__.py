"""The pages of the inspector as data: each module's `answer` gives what its page shows."""
