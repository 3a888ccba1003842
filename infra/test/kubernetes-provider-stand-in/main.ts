/** Serves the stand-in to Pulumi's engine, which reads the port from the first line of standard output and ends the process itself. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { ResourceProviderService, resourceProvider } from "./protocol.ts";

const server = new Server({ "grpc.max_receive_message_length": 64 * 1024 * 1024 });
server.addService(ResourceProviderService, resourceProvider());
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});
