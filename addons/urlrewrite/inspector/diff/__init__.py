"""What rules made of an answer: the backend's beside the client's, and the steps between."""
