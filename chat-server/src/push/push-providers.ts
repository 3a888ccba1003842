import { readFile } from "node:fs/promises";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { importPKCS8 } from "jose";
import { ApnsProvider } from "./apns/apns-provider.ts";
import { FcmProvider } from "./fcm/fcm-provider.ts";
import { parseServiceAccount } from "./fcm/service-account.ts";
import type { PushConfig } from "./push-config.ts";
import type { ProviderName, PushProvider } from "./push-provider.ts";
import { checkVapidKeys } from "./web-push/vapid-keys.ts";
import { WebPushProvider } from "./web-push/web-push-provider.ts";

/**
 * The services whose credentials are configured. Each secret is read and checked once here, so that a wrong one shows at the start; later it
 * is read from its file again whenever it is used to make a new token.
 *
 * @throws CodedError `invalid_configuration`, which names the variable
 */
export async function createProviders(
  config: PushConfig,
  logger: Logger,
): Promise<ReadonlyMap<ProviderName, PushProvider>> {
  const providers = (await Promise.all([apns(config, logger), fcm(config, logger), webPush(config, logger)])).filter(
    (provider) => provider !== undefined,
  );
  return new Map(providers.map((provider) => [provider.name, provider]));
}

async function apns(config: PushConfig, logger: Logger): Promise<PushProvider | undefined> {
  const { apnsKey, apnsKeyFile, apnsTeamId: teamId, apnsKeyId: keyId, apnsTopic: topic, apnsUrl: url } = config;
  const key = secret(apnsKey, apnsKeyFile);
  if (!key || !teamId || !keyId || !topic) return undefined;
  await check("CHAT_APNS_KEY", key, (text) => importPKCS8(text, "ES256"));
  return new ApnsProvider({ url, teamId, keyId, topic, key, logger });
}

async function fcm(config: PushConfig, logger: Logger): Promise<PushProvider | undefined> {
  const serviceAccount = secret(config.fcmServiceAccount, config.fcmServiceAccountFile);
  if (!serviceAccount) return undefined;
  await check("CHAT_FCM_SERVICE_ACCOUNT", serviceAccount, (text) =>
    importPKCS8(parseServiceAccount(text).privateKey, "RS256"),
  );
  return new FcmProvider({ url: config.fcmUrl, serviceAccount, logger });
}

async function webPush(config: PushConfig, logger: Logger): Promise<PushProvider | undefined> {
  const { webpushPublicKey: publicKey, webpushSubject: subject, webpushHosts: hosts } = config;
  const privateKey = secret(config.webpushPrivateKey, config.webpushPrivateKeyFile);
  if (!privateKey || !publicKey || !subject) return undefined;
  await check("CHAT_WEBPUSH_PRIVATE_KEY", privateKey, (text) => checkVapidKeys(publicKey, text.trim()));
  return new WebPushProvider({ publicKey, privateKey, subject, hosts, logger });
}

function secret(value: string | undefined, file: string | undefined): (() => Promise<string>) | undefined {
  if (value !== undefined) return async () => value;
  return file === undefined ? undefined : () => readFile(file, "utf8");
}

async function check(variable: string, read: () => Promise<string>, use: (text: string) => unknown): Promise<void> {
  try {
    await use(await read());
  } catch (cause) {
    throw new CodedError("invalid_configuration", `${variable} or ${variable}_FILE: ${messageOf(cause)}`, { cause });
  }
}
