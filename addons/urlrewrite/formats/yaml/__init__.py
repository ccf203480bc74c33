"""The project's own rule files; read and written."""
