// The checks of the page under a content security policy, which forbids scripts in the page itself.
proof.check("pictures, frames and connections that the policy names", async () => {
  await proof.image("http://privateserver:8080/static/photo.png?policy");
  await proof.get("http://privateserver:8080/api/items");
  const socket = new WebSocket("ws://privateserver:8080/ws");
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("no WebSocket"));
  });
  socket.close();
});
