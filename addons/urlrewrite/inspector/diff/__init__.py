"""What rules made of a response: the backend's beside the client's, and the steps between."""
