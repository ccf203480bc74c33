"""IIS's configuration files: `web.config`, `applicationHost.config`, and pieces of them; read and written."""
