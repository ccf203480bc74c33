"""Only speed: whatever stands here may be left out, and nothing changes but the time it takes."""
