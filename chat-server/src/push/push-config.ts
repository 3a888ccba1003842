import { Type } from "typebox";
import { APNS_URL } from "./apns/apns-provider.ts";
import { FCM_URL } from "./fcm/fcm-provider.ts";
import { KNOWN_PUSH_SERVICES } from "./web-push/allowed-hosts.ts";

const HttpsUrl = (url: string) =>
  Type.String({ default: url, pattern: "^https://[^/\\s]+$", description: "https://host" });
const Path = Type.Optional(Type.String({ minLength: 1, description: "path of a file" }));

/** Part of the server's configuration; docs/push.md lists the variables. A service is on when its credentials are given. */
export const pushProperties = {
  pushIncludeText: Type.Boolean({ default: true, description: "true or false" }),
  pushPrivateTitle: Type.String({ default: "New message", minLength: 1, maxLength: 200 }),
  pushTtlSeconds: Type.Integer({ minimum: 60, maximum: 2_419_200, default: 86_400 }),
  pushConcurrency: Type.Integer({ minimum: 1, maximum: 500, default: 32 }),
  pushQueueLimit: Type.Integer({ minimum: 100, maximum: 10_000_000, default: 100_000 }),

  apnsUrl: HttpsUrl(APNS_URL),
  apnsTeamId: Type.Optional(Type.String({ pattern: "^[A-Z0-9]{10}$", description: "ten letters and digits" })),
  apnsKeyId: Type.Optional(Type.String({ pattern: "^[A-Z0-9]{10}$", description: "ten letters and digits" })),
  apnsTopic: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9.-]{1,255}$", description: "the app's bundle id" })),
  apnsKey: Type.Optional(Type.String({ description: "PKCS #8 PEM" })),
  apnsKeyFile: Path,

  fcmUrl: HttpsUrl(FCM_URL),
  fcmServiceAccount: Type.Optional(Type.String({ description: "the service account's key file, JSON" })),
  fcmServiceAccountFile: Path,

  webpushPublicKey: Type.Optional(Type.String({ pattern: "^B[A-Za-z0-9_-]{86}$", description: "65 bytes, base64url" })),
  webpushPrivateKey: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9_-]{43}$", description: "32 bytes, base64url" })),
  webpushPrivateKeyFile: Path,
  webpushSubject: Type.Optional(Type.String({ pattern: "^(mailto:|https://)", description: "mailto: or https:" })),
  webpushHosts: Type.String({ default: KNOWN_PUSH_SERVICES, minLength: 1, description: "host,*.host,host:port" }),
};

/** The values of {@link pushProperties}. */
export interface PushConfig {
  pushIncludeText: boolean;
  pushPrivateTitle: string;
  pushTtlSeconds: number;
  pushConcurrency: number;
  pushQueueLimit: number;
  apnsUrl: string;
  apnsTeamId?: string | undefined;
  apnsKeyId?: string | undefined;
  apnsTopic?: string | undefined;
  apnsKey?: string | undefined;
  apnsKeyFile?: string | undefined;
  fcmUrl: string;
  fcmServiceAccount?: string | undefined;
  fcmServiceAccountFile?: string | undefined;
  webpushPublicKey?: string | undefined;
  webpushPrivateKey?: string | undefined;
  webpushPrivateKeyFile?: string | undefined;
  webpushSubject?: string | undefined;
  webpushHosts: string;
}

type Name = keyof PushConfig;

/** For each service: settings that go together, and the secret, which is given in one of two ways. */
const SERVICES: readonly { settings: readonly Name[]; secret: readonly [value: Name, file: Name] }[] = [
  { settings: ["apnsTeamId", "apnsKeyId", "apnsTopic"], secret: ["apnsKey", "apnsKeyFile"] },
  { settings: [], secret: ["fcmServiceAccount", "fcmServiceAccountFile"] },
  { settings: ["webpushPublicKey", "webpushSubject"], secret: ["webpushPrivateKey", "webpushPrivateKeyFile"] },
];

/** What one variable demands of another, in words. `name` gives a property's variable. */
export function pushProblems(config: PushConfig, name: (property: Name) => string): string[] {
  return SERVICES.flatMap(({ settings, secret: [value, file] }) => {
    const either = `${name(value)} or ${name(file)}`;
    const given = [...settings, value, file].filter((property) => config[property] !== undefined);
    if (given.length === 0) return [];
    const problems = settings
      .filter((property) => config[property] === undefined)
      .map((property) => `${name(property)} is required with ${given.map(name).join(", ")}`);
    if (config[value] !== undefined && config[file] !== undefined)
      problems.push(`${name(value)} and ${name(file)} exclude each other`);
    if (config[value] === undefined && config[file] === undefined)
      problems.push(`${either} is required with ${given.map(name).join(", ")}`);
    return problems;
  });
}
