import { setFlagsFromString } from "node:v8";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { createLogger } from "@chatcluster/foundation/logger";
import { developmentToken, ownSecret } from "./auth/development-token.ts";
import { type Config, loadChatConfig } from "./config.ts";
import { type ChatServer, startChatServer } from "./server.ts";

/**
 * Per cent by which the JavaScript heap may grow beyond what was alive before all of it is looked through for garbage again. V8's own choice, up to
 * 300, keeps 9 KiB for each connection of a login storm for good (docs/decisions/0087).
 */
const HEAP_GROWING_PERCENT = 50;

async function main(): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  const config = loadChatConfig(process.env);
  const logger = createLogger("chat-server", config.logLevel);
  const generated = config.jwtSecret === undefined && config.jwksUrl === undefined;
  const secret = generated ? ownSecret(config.dataDir) : config.jwtSecret;
  const server = await startChatServer(config, secret, logger);
  logger.info({ port: server.port, adminPort: server.adminPort, backend: config.backend }, "listening");
  if (generated && secret !== undefined) await printHowToTry(server, secret);
  stopOnSignals(server, config, (error) => logger.fatal({ err: error }, "shutdown failed"));
}

/** The first signal drains; a second one ends at once, for people at a terminal. */
function stopOnSignals(server: ChatServer, config: Config, onError: (error: unknown) => void): void {
  let stopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      // At a terminal nobody waits half a minute for a laptop's own clients.
      const seconds = signal === "SIGINT" && config.backend === "embedded" ? 0 : config.drainSeconds;
      server.stop(seconds).then(
        () => process.exit(0),
        (error: unknown) => {
          onError(error);
          process.exit(1);
        },
      );
    });
  }
}

async function printHowToTry(server: ChatServer, secret: string): Promise<void> {
  const lines = [
    `chat page: http://127.0.0.1:${server.port}/ (sign in as alice in one tab, as bob in another)`,
    `for programs: ws://127.0.0.1:${server.port}/chat, with tokens that are good for a day:`,
  ];
  for (const userId of ["alice", "bob"]) lines.push(`  ${userId}: ${await developmentToken(secret, userId)}`);
  process.stderr.write(`${lines.join("\n")}\n`);
}

main().catch((error: unknown) => {
  const text = error instanceof CodedError ? error.message : ((error as Error)?.stack ?? messageOf(error));
  process.stderr.write(`chat-server: ${text}\n`);
  process.exitCode = 1;
  setImmediate(() => process.exit(1));
});
